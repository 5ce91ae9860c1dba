// The page of one model: samples, one of them moved by sliders, and a walk through some. What stands before it in the
// same script it uses by name: canvas.js, controls.js, operations.js, interpreter.js, latents.js.

const SAMPLES = 32, STOPS = 6, AT_ONCE = 4, REACH = 4, SECONDS = 2;  // of one part of the walk

const model = JSON.parse(document.getElementById("model").textContent);
const page = document.getElementById("page");

/** Let the browser draw and listen. */
const pause = () => new Promise((done) => setTimeout(done));

function opened() {
  const letters = atob(model.product), bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const values = model.program.values.map((value) => value && decoded(value));
  for (const key of ["means", "factors"]) if (model.prior[key]) model.prior[key] = decoded(model.prior[key]);
  for (const one of model.directions) one.direction = decoded(one.direction);
  return new Interpreter({ ...model.program, values }, new WebAssembly.Module(bytes));
}

/** The pictures of some latents, one after the other, as one array of values in [0, 1]. */
function decode(network, latents, label) {
  const z = new Float32Array(latents.length * model.latent);
  latents.forEach((latent, i) => z.set(latent, i * model.latent));
  const inputs = { z, labels: new Float32Array(latents.length).fill(label) };
  return network.run(inputs, latents.length);
}

function start() {
  const network = opened();
  const state = { seed: 1, limit: null, label: 0, samples: [], chosen: 0, base: null, moves: new Map(), at: 0 };
  const size = model.shape[0] * model.shape[1] * model.shape[2];
  const draw = (canvas, latent) => paint(canvas, decode(network, [latent], state.label), model.shape);
  const canvas = (label) => element("canvas", { width: model.shape[2], height: model.shape[1], role: "img", "aria-label": label });

  // --- samples
  const thumbnails = Array.from({ length: SAMPLES }, (_, i) => {
    const picture = element("canvas", { width: model.shape[2], height: model.shape[1], "aria-hidden": "true" });
    const found = element("button", { type: "button", "aria-pressed": "false", onclick: () => choose(i) }, picture);
    found.setAttribute("aria-label", `Sample ${i + 1}: move it below`);
    return found;
  });
  let latest = 0;
  async function sample() {
    const mine = ++latest, uniform = uniforms(state.seed);
    state.samples = thumbnails.map(() => drawLatent(model.prior, model.latent, uniform, state.limit, state.label));
    for (let from = 0; from < SAMPLES; from += AT_ONCE) {
      const values = decode(network, state.samples.slice(from, from + AT_ONCE), state.label);
      for (let i = 0; i < AT_ONCE; i++) {
        paint(thumbnails[from + i].firstChild, values.subarray(i * size, (i + 1) * size), model.shape);
      }
      await pause();
      if (mine !== latest) return;  // somebody asked for others meanwhile
    }
    choose(Math.min(state.chosen, SAMPLES - 1));
    stops.forEach((stop, i) => draw(stop, state.samples[i]));
    walkTo(state.at);
    page.dataset.ready = String(mine);
  }
  const seed = numberField("Seed", { low: 0, high: 4294967295, step: 1, value: state.seed, change: (number) => {
    state.seed = number ?? 1;
    sample();
  } });
  const others = () => {
    state.seed = crypto.getRandomValues(new Uint32Array(1))[0];
    seed.input.value = state.seed;
    sample();
  };
  const usual = model.cut_at ?? model.truncation?.[1] ?? null;
  const limit = model.prior.name === "uniform" ? null : slider("Variety", {
    low: 0.5, high: 3.5, step: 0.1, value: usual ?? 3.5, show: (x) => (x >= 3.5 ? "all" : `within ${x.toFixed(1)}`),
    settle: (x) => {
      state.limit = x >= 3.5 ? null : x;
      sample();
    },
  });
  state.limit = usual;
  const classes = model.classes.length === 0 ? null : choice("Class", model.classes.map((name, i) => [String(i), name]), {
    value: "0", change: (value) => {
      state.label = Number(value);
      sample();
    },
  });

  // --- one of them, moved
  const moved = canvas("The chosen sample, moved");
  const large = element("div", { class: "large" }, moved);
  const current = () => {
    const z = Float32Array.from(state.base);
    for (const [direction, strength] of state.moves) direction.forEach((value, i) => { z[i] += strength * value; });
    return z;
  };
  const show = () => draw(moved, current());
  function choose(i) {
    state.chosen = i;
    state.base = Float32Array.from(state.samples[i]);
    thumbnails.forEach((one, index) => one.setAttribute("aria-pressed", String(index === i)));
    coordinates.forEach((one, index) => one.set(state.base[index]));
    show();
  }
  const sliders = model.directions.map(({ name, direction }) => slider(name, {
    low: -REACH, high: REACH, step: 0.1, value: 0, show: (x) => (x > 0 ? `+${x.toFixed(1)}` : x.toFixed(1)),
    change: (strength) => {
      state.moves.set(direction, strength);
      show();
    },
  }));
  const coordinates = Array.from({ length: model.latent }, (_, i) => slider(`z${i}`, {
    low: -REACH, high: REACH, step: "any", value: 0, change: (value) => {
      state.base[i] = value;
      show();
    },
  }));
  const back = button("Back to the sample", () => {
    state.moves.clear();
    sliders.forEach((one) => one.set(0));
    choose(state.chosen);
  });

  // --- a walk
  const walked = canvas("The walk");
  const stops = Array.from({ length: STOPS }, (_, i) => canvas(`Stop ${i + 1} of the walk`));
  function walkTo(at) {
    state.at = at;
    const from = Math.floor(at) % STOPS, to = (from + 1) % STOPS;
    draw(walked, between(model.prior, state.samples[from], state.samples[to], at - Math.floor(at)));
    stops.forEach((stop, i) => stop.classList.toggle("near", i === Math.round(at) % STOPS));
  }
  const place = slider("Place", { low: 0, high: STOPS, step: "any", value: 0, change: walkTo, show: (x) => x.toFixed(1) });
  let walking = null;
  const play = button("Play", () => {
    play.textContent = walking === null ? "Pause" : "Play";
    if (walking !== null) {
      cancelAnimationFrame(walking);
      walking = null;
      return;
    }
    let before = performance.now();
    const frame = (now) => {
      const at = (state.at + (now - before) / 1000 / SECONDS) % STOPS;
      before = now;
      place.set(at);
      walkTo(at);
      walking = requestAnimationFrame(frame);
    };
    walking = requestAnimationFrame(frame);
  }, { first: true });

  // --- the page
  const { licence, data, data_licence: dataLicence, zoo } = model.about;
  const facts = [data && `Trained on ${data} (licence of the data: ${dataLicence ?? "not stated"}).`,
    licence && `Weights: ${licence}.`, `Written by genzoo ${zoo ?? ""}.`].filter(Boolean).join(" ");
  const concepts = model.directions.some(({ kind }) => kind === "concept");
  const what = concepts
    ? "Concepts that were fitted to labelled pictures, then the directions in which pictures change most."
    : "The directions in which pictures change most, found when this page was written.";
  page.classList.toggle("smooth", model.shape[1] >= 64);
  page.replaceChildren(
    element("header", {}, element("h1", {}, model.name), model.summary && element("p", {}, model.summary),
      element("p", { class: "quiet" }, "The network is in this page and computes here: nothing is fetched, nothing is sent.")),
    element("section", { class: "card", "aria-labelledby": "samples" }, element("h2", { id: "samples" }, "Samples"),
      element("div", { class: "pictures" }, thumbnails),
      element("div", { class: "bar" }, button("New samples", others, { first: true }), seed, limit, classes)),
    element("div", { class: "two" },
      element("section", { class: "card", "aria-labelledby": "moves" }, element("h2", { id: "moves" }, "Move one"),
        element("p", { class: "quiet" }, what), large, element("div", { class: "sliders" }, sliders),
        element("div", { class: "bar" }, back),
        element("details", {}, element("summary", {}, `All ${model.latent} coordinates of its latent`),
          element("div", { class: "sliders", tabindex: "0", role: "group", "aria-label": "Coordinates" }, coordinates))),
      element("section", { class: "card", "aria-labelledby": "walk" }, element("h2", { id: "walk" }, "Walk"),
        element("p", { class: "quiet" }, `Through the latents of the first ${STOPS} samples, and back to the first.`),
        element("div", { class: "large" }, walked), element("div", { class: "strip" }, stops),
        place, element("div", { class: "bar" }, play))),
    element("footer", { class: "quiet" }, facts));
  globalThis.genzoo = {  // for the browser's console
    state, moved: () => Array.from(current()),
    decode: (latents, label = 0) => Array.from(decode(network, latents, label)),
    draws: (seed, count, label = 0) => {
      const uniform = uniforms(seed);
      return Array.from({ length: count }, () => Array.from(drawLatent(model.prior, model.latent, uniform, null, label)));
    },
  };
  sample();
}

try {
  start();
} catch (error) {
  page.replaceChildren(element("p", { class: "message", role: "alert" },
    `This browser cannot run the network of this page (${error.message}). It needs WebAssembly with SIMD, as browsers since 2023 have it.`));
}
