// Latents: drawn from a prior by a seed, and paths between them. It imports nothing: a page may hold it inside itself.

/** Numbers in [0, 1) that follow from a seed (Mulberry32). */
export function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A number from N(0, 1) (Box and Muller 1958), within `limit` of 0 where there is one. */
function normal(uniform, limit) {
  for (;;) {
    const found = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    if (!limit || Math.abs(found) <= limit) return found;
  }
}

/** One latent of so many numbers from the prior; of a mixture `limit` cuts the noise inside a component. */
export function drawLatent(prior, length, uniform, limit, label) {
  if (prior.name === "uniform") {
    const reach = limit ? Math.min(1, limit) : 1;
    return Float32Array.from({ length }, () => reach * (2 * uniform() - 1));
  }
  const noise = Float32Array.from({ length }, () => normal(uniform, limit));
  if (prior.name !== "mixture") return noise;
  const weights = prior.weights.map((weight, i) => (!prior.classes || prior.classes[i] === label ? weight : 0));
  let left = uniform() * weights.reduce((a, b) => a + b, 0);
  let chosen = weights.findIndex((weight) => (left -= weight) < 0);
  if (chosen < 0) chosen = weights.findLastIndex((weight) => weight > 0);
  return noise.map((_, row) => {
    let sum = prior.means[chosen * length + row];
    const factor = (chosen * length + row) * length;
    for (let column = 0; column <= row; column++) sum += prior.factors[factor + column] * noise[column];
    return sum;
  });
}

/** The point at `share` of the path from a to b: of a normal prior on the great circle, else on the straight line. */
export function between(prior, a, b, share) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const cosine = Math.max(-1, Math.min(1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))));
  const angle = Math.acos(cosine), sine = Math.sin(angle);
  const round = prior.name === "normal" && a.length > 2 && sine > 1e-3;
  const left = round ? Math.sin((1 - share) * angle) / sine : 1 - share;
  const right = round ? Math.sin(share * angle) / sine : share;
  return a.map((value, i) => left * value + right * b[i]);
}
