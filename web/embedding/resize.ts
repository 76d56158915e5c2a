/**
 * Squeezing a picture as the server does, to the same bytes: docs/reference/preprocessing.md.
 *
 * Pictures are uint8, rows from the top; `channels` is 4 where the last is passed over, or 3. Results have 3.
 */

export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 3 | 4;
}

const PRECISION_BITS = 22;
const ONE_HALF = 1 << (PRECISION_BITS - 1);

/** By how much a picture is reduced first; JPEG by 1, 2, 4 or 8, as its decoder can on the server. */
export function reduction(width: number, height: number, o: {side: number; jpeg: boolean}): number {
  const most = Math.max(1, Math.floor(Math.min(width, height) / o.side));
  return o.jpeg ? 2 ** Math.min(3, Math.floor(Math.log2(most))) : most;
}

/** Means of boxes of `factor` x `factor` pixels; at the right and below, of what is left of a box. */
export function reduce(source: Pixels, factor: number): Pixels {
  if (factor === 1) return source;
  const width = Math.ceil(source.width / factor);
  const height = Math.ceil(source.height / factor);
  const data = new Uint8Array(width * height * 3);
  const sums = new Uint32Array(width * 3);
  for (let y = 0; y < height; y++) {
    const rows = Math.min(factor, source.height - y * factor);
    sums.fill(0);
    for (let row = 0; row < rows; row++) addRow(sums, source, y * factor + row, factor);
    writeMeans(data, y * width * 3, sums, {rows, factor, columns: source.width});
  }
  return {data, width, height, channels: 3};
}

function addRow(sums: Uint32Array, source: Pixels, row: number, factor: number): void {
  const {data, width, channels} = source;
  let i = row * width * channels;
  for (let at = 0, left = width; left > 0; at += 3, left -= factor) {
    let [red, green, blue] = [0, 0, 0];
    for (const end = i + Math.min(factor, left) * channels; i < end; i += channels) {
      red += data[i]!;
      green += data[i + 1]!;
      blue += data[i + 2]!;
    }
    sums[at]! += red;
    sums[at + 1]! += green;
    sums[at + 2]! += blue;
  }
}

/** A mean is (sum + half) * m >> 24, where m is 2^32 / (256 * count) in float32. */
function writeMeans(
  data: Uint8Array,
  start: number,
  sums: Uint32Array,
  o: {rows: number; factor: number; columns: number},
): void {
  for (let at = 0; at < sums.length; at++) {
    const columns = Math.min(o.factor, o.columns - Math.floor(at / 3) * o.factor);
    const count = o.rows * columns;
    const multiplier = Math.trunc(Math.fround(2 ** 32 / (256 * count)));
    data[start + at] = Math.floor(((sums[at]! + (count >> 1)) * multiplier) / 2 ** 24);
  }
}

/**
 * Bilinear, with a triangle as wide as the reduction, to a square; rounded to 8 bits after each pass.
 *
 * Across first, then down; but down first where the height shrinks, and by more than twice the pixels of the width.
 */
export function squeeze(source: Pixels, side: number): Pixels {
  const {width, height} = source;
  const downFirst = height > side && height - side > 2 * (width - side);
  return downFirst ? across(down(withoutFourth(source), side), side) : down(across(source, side), side);
}

function across(source: Pixels, width: number): Pixels {
  return source.width === width ? withoutFourth(source) : resizeAcross(source, width);
}

function down(source: Pixels, height: number): Pixels {
  return source.height === height ? source : resizeDown(source, height);
}

interface Weights {
  /** first[i], count[i]: which inputs output i is made of. */
  first: Int32Array;
  count: Int32Array;
  /** weight[i * size + j]: of input first[i] + j, times 2^22. */
  weight: Int32Array;
  size: number;
}

function weights(inputs: number, outputs: number): Weights {
  const scale = inputs / outputs;
  const support = Math.max(scale, 1);
  const size = Math.ceil(support) * 2 + 1;
  const found = {
    first: new Int32Array(outputs),
    count: new Int32Array(outputs),
    weight: new Int32Array(outputs * size),
    size,
  };
  for (let i = 0; i < outputs; i++) {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(inputs, Math.trunc(center + support + 0.5)) - first;
    const real = Array.from({length: count}, (_, j) => triangle((j + first - center + 0.5) * (1 / support)));
    const sum = real.reduce((total, one) => total + one, 0);
    found.first[i] = first;
    found.count[i] = count;
    real.forEach((one, j) => {
      const share = sum === 0 ? one : one / sum;
      found.weight[i * size + j] = Math.trunc(0.5 + share * (1 << PRECISION_BITS));
    });
  }
  return found;
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

function resizeAcross(source: Pixels, width: number): Pixels {
  const {data: from, channels} = source;
  const {first, count, weight, size} = weights(source.width, width);
  const data = new Uint8Array(width * source.height * 3);
  for (let y = 0, to = 0; y < source.height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      let i = (y * source.width + first[x]!) * channels;
      let [red, green, blue] = [ONE_HALF, ONE_HALF, ONE_HALF];
      for (let j = x * size, end = j + count[x]!; j < end; j++, i += channels) {
        const share = weight[j]!;
        red += from[i]! * share;
        green += from[i + 1]! * share;
        blue += from[i + 2]! * share;
      }
      data[to] = clipped(red);
      data[to + 1] = clipped(green);
      data[to + 2] = clipped(blue);
    }
  }
  return {data, width, height: source.height, channels: 3};
}

function resizeDown(source: Pixels, height: number): Pixels {
  const {first, count, weight, size} = weights(source.height, height);
  const row = source.width * 3;
  const data = new Uint8Array(row * height);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(ONE_HALF);
    for (let j = 0; j < count[y]!; j++) {
      const share = weight[y * size + j]!;
      const from = source.data.subarray((first[y]! + j) * row, (first[y]! + j + 1) * row);
      for (let x = 0; x < row; x++) sums[x]! += from[x]! * share;
    }
    for (let x = 0; x < row; x++) data[y * row + x] = clipped(sums[x]!);
  }
  return {data, width: source.width, height, channels: 3};
}

function clipped(sum: number): number {
  const level = sum >> PRECISION_BITS;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

function withoutFourth(source: Pixels): Pixels {
  if (source.channels === 3) return source;
  const data = new Uint8Array(source.width * source.height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = source.data[from]!;
    data[to + 1] = source.data[from + 1]!;
    data[to + 2] = source.data[from + 2]!;
  }
  return {...source, data, channels: 3};
}
