// The operations of a network that are no products: each is called with its step, the values it reads, and how many
// examples there are, and gives the value it writes. It imports nothing: a page may hold it inside itself.

const size = (shape) => shape.reduce((a, b) => a * b, 1);

const each = (f) => (step, [x]) => {
  const out = new Float32Array(x.length);
  for (let i = 0; i < x.length; i++) out[i] = f(x[i], step);
  return out;
};

/** Two values, element by element; axes of 1, and of the batch where a value has none, are repeated. */
const both = (f) => (step, [a, b], n) => {
  const shape = [n, ...step.shape], [sa, sb] = step.shapes.map((one) => steps(one, shape, n));
  const out = new Float32Array(size(shape)), at = shape.map(() => 0);
  const inner = shape[shape.length - 1], da = sa[shape.length - 1], db = sb[shape.length - 1];
  for (let done = 0, ia = 0, ib = 0; done < out.length; done += inner) {
    for (let i = 0; i < inner; i++) out[done + i] = f(a[ia + i * da], b[ib + i * db]);
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      ia += sa[axis];
      ib += sb[axis];
      if (++at[axis] < shape[axis]) break;
      ia -= at[axis] * sa[axis];
      ib -= at[axis] * sb[axis];
      at[axis] = 0;
    }
  }
  return out;
};

/** How far apart neighbours along each axis of `shape` lie in a value of a shape of its own; -1 is the batch. */
function steps(own, shape, n) {
  const whole = [...shape.map(() => 1), ...own.map((length) => (length === -1 ? n : length))].slice(-shape.length);
  const found = shape.map(() => 0);
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= whole[axis--]) found[axis] = whole[axis] === 1 ? 0 : step;
  return found;
}

/** Along the axis with `before` and `after` numbers around it: [start, start + length) of `all`. */
function slice({ before, all, start, length, after }, [x], n) {
  const out = new Float32Array(n * before * length * after);
  for (let i = 0; i < n * before; i++) {
    const from = (i * all + start) * after;
    out.set(x.subarray(from, from + length * after), i * length * after);
  }
  return out;
}

function join({ before, lengths, after }, parts, n) {
  const all = lengths.reduce((a, b) => a + b, 0), out = new Float32Array(n * before * all * after);
  let start = 0;
  parts.forEach((part, index) => {
    const length = lengths[index] * after;
    for (let i = 0; i < n * before; i++) out.set(part.subarray(i * length, (i + 1) * length), i * all * after + start * after);
    start += lengths[index];
  });
  return out;
}

/** Each map to twice, three times, ... its sides: the nearest value, or a mean of the four around. */
function nearest({ height, width, shape: [channels, outHeight, outWidth] }, [x], n) {
  const out = new Float32Array(n * channels * outHeight * outWidth), ty = outHeight / height, tx = outWidth / width;
  for (let map = 0, to = 0; map < n * channels; map++) {
    for (let y = 0; y < outHeight; y++) {
      const line = (map * height + Math.floor(y / ty)) * width;
      for (let column = 0; column < width; column++) {
        const value = x[line + column];
        for (let i = 0; i < tx; i++) out[to++] = value;
      }
    }
  }
  return out;
}

function bilinear({ height, width, shape: [channels, outHeight, outWidth] }, [x], n) {
  const out = new Float32Array(n * channels * outHeight * outWidth);
  const along = (length, of) => Array.from({ length }, (_, i) => {
    const place = Math.max(0, ((i + 0.5) * of) / length - 0.5), low = Math.floor(place);
    return [low, Math.min(of - 1, low + 1), place - low];
  });
  const rows = along(outHeight, height), columns = along(outWidth, width);
  for (let map = 0, to = 0; map < n * channels; map++) {
    for (const [top, bottom, down] of rows) {
      const above = (map * height + top) * width, below = (map * height + bottom) * width;
      for (const [left, right, across] of columns) {
        const high = x[above + left] + across * (x[above + right] - x[above + left]);
        const low = x[below + left] + across * (x[below + right] - x[below + left]);
        out[to++] = high + down * (low - high);
      }
    }
  }
  return out;
}

/** The Euclidean length of each row. */
function norm({ length }, [x], n) {
  return Float32Array.from({ length: n }, (_, row) => {
    let sum = 0;
    for (let i = row * length; i < (row + 1) * length; i++) sum += x[i] * x[i];
    return Math.sqrt(sum);
  });
}

function embedding({ length }, [rows, labels], n) {
  const out = new Float32Array(n * length);
  for (let i = 0; i < n; i++) out.set(rows.subarray(labels[i] * length, (labels[i] + 1) * length), i * length);
  return out;
}

/** Each channel by a number of its own, and another one added. */
function affine({ channels }, [x, scale, shift], n) {
  const out = new Float32Array(x.length), plane = x.length / n / channels;
  for (let map = 0, i = 0; map < n * channels; map++) {
    const a = scale[map % channels], b = shift[map % channels];
    for (const end = i + plane; i < end; i++) out[i] = a * x[i] + b;
  }
  return out;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
export const OPERATIONS = {
  slice, join, nearest, bilinear, norm, embedding, affine,
  reshape: (step, [x]) => x,
  relu: each((x) => (x > 0 ? x : 0)),
  leaky: each((x, { slope }) => (x > 0 ? x : slope * x)),
  sigmoid: each(sigmoid),
  silu: each((x) => x * sigmoid(x)),
  tanh: each(Math.tanh),
  clamp: each((x, { low, high }) => Math.min(high, Math.max(low, x))),
  scale: each((x, { by, add }) => by * x + add),
  add: both((a, b) => a + b),
  sub: both((a, b) => a - b),
  mul: both((a, b) => a * b),
  div: both((a, b) => a / b),
};
