// Runs a network of the few operations that a page needs. It imports nothing: a page may hold it inside itself.
//
// A program is {steps, values, inputs, result}: each step reads values by their numbers and writes one. Values are
// float32, (N, ...) one after the other; the `shape` of a step is that of one of N. OPERATIONS is that of operations.js;
// products of matrices, in which most of the time goes, are done by the WebAssembly beside (product.wat).

const BLOCK = 1 << 16;  // numbers of the right matrix that are gathered at a time: they stay in the nearest caches
const COLUMNS = 8, ROWS = 4;  // of a panel, as product.wat has them

/** The 16-bit floats of IEEE 754 as float32. */
export function halves(words) {
  const bits = new Uint32Array(words.length), floats = new Float32Array(bits.buffer);
  for (let i = 0; i < words.length; i++) {
    const word = words[i], sign = (word & 0x8000) << 16, exponent = (word >> 10) & 31, rest = word & 1023;
    if (exponent === 0) floats[i] = (sign ? -1 : 1) * rest * 2 ** -24;
    else bits[i] = sign | (exponent === 31 ? 0x7f800000 : (exponent + 112) << 23) | (rest << 13);
  }
  return floats;
}

/** Numbers from the texts of a page: {half: base64} or {float: base64}. */
export function decoded({ half, float }) {
  const letters = atob(half ?? float), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return half === undefined ? new Float32Array(bytes.buffer) : halves(new Uint16Array(bytes.buffer));
}

const upTo = (n, multiple) => Math.ceil(n / multiple) * multiple;

/** A program made ready: `run({z, labels}, n)` gives what it makes of n latents. */
export class Interpreter {
  constructor(program, product) {
    this.program = program;
    const matrices = program.steps.filter((step) => step.matrix !== undefined);
    const room = (step) => upTo(step.rows, ROWS) * step.depth * (step.groups ?? 1);
    const widest = Math.max(BLOCK, ...matrices.map((step) => step.depth * COLUMNS));
    const tallest = Math.max(0, ...matrices.map((step) => upTo(step.rows, ROWS) * this.block(step.depth)));
    const biases = Math.max(ROWS, ...matrices.map((step) => upTo(step.rows, ROWS)));
    const numbers = matrices.reduce((sum, step) => sum + room(step), 0) + widest + tallest + biases;
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * numbers) / 65536) + 1 });
    this.floats = new Float32Array(memory.buffer);
    this.product = new WebAssembly.Instance(product, { zoo: { memory } }).exports.product;
    let at = 0;
    for (const step of matrices) {
      step.at = at;
      this.pack(step, at);
      at += room(step);
    }
    [this.right, this.out, this.bias] = [at, at + widest, at + widest + tallest];
  }

  /** Columns that are gathered at a time where the product sums over so many numbers. */
  block(depth) {
    return Math.max(COLUMNS, Math.floor(BLOCK / depth / COLUMNS) * COLUMNS);
  }

  /** A matrix (groups x rows, depth) into panels of four rows. */
  pack({ matrix, rows, depth, groups = 1 }, at) {
    const given = this.program.values[matrix], high = upTo(rows, ROWS);
    for (let group = 0; group < groups; group++) {
      for (let row = 0; row < rows; row++) {
        const panel = at + group * high * depth + Math.floor(row / ROWS) * ROWS * depth + (row % ROWS);
        const from = (group * rows + row) * depth;
        for (let k = 0; k < depth; k++) this.floats[panel + k * ROWS] = given[from + k];
      }
    }
  }

  run(inputs, n) {
    const values = [...this.program.values], users = new Map();
    this.program.steps.forEach((step, index) => step.from.forEach((one) => users.set(one, index)));
    for (const [name, number] of Object.entries(this.program.inputs)) values[number] = inputs[name];
    this.program.steps.forEach((step, index) => {
      values[step.to] = OPERATIONS[step.op].call(this, step, step.from.map((one) => values[one]), n);
      for (const one of step.from) {
        if (users.get(one) === index && one !== this.program.result) values[one] = null;  // nobody reads it again
      }
    });
    return values[this.program.result];
  }

  /** out = matrix x columns: `gather` fills columns [from, to) of what is multiplied, `scatter` takes what comes out. */
  multiply(step, group, columns, bias, gather, scatter) {
    const { rows, depth } = step, high = upTo(rows, ROWS), block = this.block(depth);
    const left = step.at + group * high * depth;
    this.floats.fill(0, this.bias, this.bias + high);
    if (bias) for (let row = 0; row < rows; row++) this.floats[this.bias + row] = bias[group * rows + row];
    for (let from = 0; from < columns; from += block) {
      const to = Math.min(columns, from + block), wide = upTo(to - from, COLUMNS);
      if (wide > to - from) this.floats.fill(0, this.right, this.right + wide * depth);
      gather(from, to);
      this.product(4 * left, 4 * this.right, 4 * this.out, 4 * this.bias, high, wide, depth, 4 * wide);
      scatter(from, to, wide);
    }
  }
}

/** Call `each(example, first, last, column)` for the places of each example among columns [from, to) of all. */
function spans(from, to, places, each) {
  for (let at = from; at < to; ) {
    const example = Math.floor(at / places), first = at - example * places;
    const last = Math.min(places, first + to - at);
    each(example, first, last, at - from);
    at += last - first;
  }
}

/** Maps with a border of zeros. */
function bordered(x, maps, height, width, [ph, pw]) {
  if (!ph && !pw) return x;
  const tall = height + 2 * ph, wide = width + 2 * pw, out = new Float32Array(maps * tall * wide);
  for (let map = 0; map < maps; map++) {
    for (let y = 0; y < height; y++) {
      const from = (map * height + y) * width;
      out.set(x.subarray(from, from + width), (map * tall + y + ph) * wide + pw);
    }
  }
  return out;
}

/** What a convolution sees: row (channel, ky, kx) of the column of each place of its map, into panels at `right`. */
function gatherPatches(floats, right, x, n, step, group) {
  const { channels, kernel: [kh, kw], stride: [sh, sw], depth, shape: [, outHeight, outWidth] } = step;
  const all = channels * (step.groups ?? 1), places = outHeight * outWidth;
  const tall = step.height + 2 * step.padding[0], wide = step.width + 2 * step.padding[1];
  const maps = bordered(x, n * all, step.height, step.width, step.padding);
  const line = sw === 1 && outWidth % 4 === 0 ? fours : ones;
  return (from, to) => spans(from, to, places, (example, first, last, column) => {
    let row = right;
    for (let channel = 0; channel < channels; channel++) {
      const map = (example * all + group * channels + channel) * tall * wide;
      for (let ky = 0; ky < kh; ky++) {
        for (let kx = 0; kx < kw; kx++, row += COLUMNS) {
          line(floats, row, depth * COLUMNS, column, maps, map + ky * wide + kx, sh * wide, sw, outWidth, first, last);
        }
      }
    }
  });
}

/** Places [first, last) of rows of `width` places, which lie `down` apart in x, into the lanes from `column` on. */
function ones(floats, row, panel, column, x, map, down, across, width, first, last) {
  for (let place = first; place < last; place++, column++) {
    const y = Math.floor(place / width);
    floats[row + (column >> 3) * panel + (column & 7)] = x[map + y * down + (place - y * width) * across];
  }
}

/** The same for neighbours, four at a time. */
function fours(floats, row, panel, column, x, map, down, across, width, first, last) {
  let y = Math.floor(first / width), left = (y + 1) * width - first, from = map + y * down + first - y * width;
  for (let place = first; place < last; place += 4, column += 4, from += 4, left -= 4) {
    if (left === 0) {
      left = width;
      from += down - width;
    }
    const to = row + (column >> 3) * panel + (column & 7);
    floats[to] = x[from];
    floats[to + 1] = x[from + 1];
    floats[to + 2] = x[from + 2];
    floats[to + 3] = x[from + 3];
  }
}

function convolution(step, [x, bias], n) {
  const { rows } = step, groups = step.groups ?? 1, [, outHeight, outWidth] = step.shape;
  const places = outHeight * outWidth, out = new Float32Array(n * groups * rows * places);
  for (let group = 0; group < groups; group++) {
    const gather = gatherPatches(this.floats, this.right, x, n, step, group);
    this.multiply(step, group, n * places, bias, gather, (from, to, wide) =>
      spans(from, to, places, (example, first, last, column) => {
        for (let row = 0; row < rows; row++) {
          const read = this.out + row * wide + column, write = ((example * groups + group) * rows + row) * places + first;
          out.set(this.floats.subarray(read, read + last - first), write);
        }
      }));
  }
  return out;
}

/** Each place of the input adds a patch to the output: the gradient of a convolution. */
function transposed(step, [x, bias], n) {
  const { depth, height, width, kernel: [kh, kw], stride: [sh, sw], padding: [ph, pw] } = step;
  const [channels, outHeight, outWidth] = step.shape, places = height * width, plane = outHeight * outWidth;
  const out = new Float32Array(n * channels * plane);
  if (bias) for (let i = 0; i < n * channels; i++) out.fill(bias[i % channels], i * plane, (i + 1) * plane);
  const seen = { ...step, channels: depth, kernel: [1, 1], stride: [1, 1], padding: [0, 0], shape: [0, height, width] };
  const gather = gatherPatches(this.floats, this.right, x, n, seen, 0);
  this.multiply(step, 0, n * places, null, gather, (from, to, wide) =>
    spans(from, to, places, (example, first, last, column) => {
      for (let row = 0; row < step.rows; row++) {
        const kx = row % kw, ky = Math.floor(row / kw) % kh, channel = Math.floor(row / (kw * kh));
        const map = (example * channels + channel) * plane, low = Math.max(0, Math.ceil((pw - kx) / sw));
        const high = Math.min(width, Math.floor((outWidth - 1 + pw - kx) / sw) + 1);
        for (let place = first; place < last; ) {
          const y = Math.floor(place / width), start = y * width, end = Math.min(last, start + width);
          const oy = y * sh - ph + ky;
          if (oy >= 0 && oy < outHeight) {
            const read = this.out + row * wide + column - first, write = map + oy * outWidth - pw + kx;
            const stop = Math.min(end - start, high);
            for (let ix = Math.max(place - start, low); ix < stop; ix++) out[write + ix * sw] += this.floats[read + start + ix];
          }
          place = end;
        }
      }
    }));
  return out;
}

function linear(step, [x, bias], n) {
  const { rows, depth } = step, out = new Float32Array(n * rows);
  const gather = (from, to) => {
    for (let column = from; column < to; column++) {
      const lane = (column - from) % COLUMNS, panel = this.right + (column - from - lane) * depth + lane;
      for (let k = 0; k < depth; k++) this.floats[panel + k * COLUMNS] = x[column * depth + k];
    }
  };
  this.multiply(step, 0, n, bias, gather, (from, to, wide) => {
    for (let column = from; column < to; column++) {
      for (let row = 0; row < rows; row++) out[column * rows + row] = this.floats[this.out + row * wide + column - from];
    }
  });
  return out;
}

Object.assign(OPERATIONS, { linear, convolution, transposed });
