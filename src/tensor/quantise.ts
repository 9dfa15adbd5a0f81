import { PacelineError } from '../errors.ts'
import { float16Value } from './convert.ts'
import { int4Scale } from './int4-scale.ts'

/*
 * What a quantised linear layer is. Weights are [n outputs, k inputs], row-major. 8 bits follow ONNX's QuantizeLinear,
 *   q = round_half_even(value / scale), with the division rounded to f32,
 * which activations must share with ONNX Runtime to the last bit. 4-bit weights are only ever rounded here: to the
 * nearest step, then clamped.
 */

/** Symmetric 8-bit weights with one scale per output: weight[i, j] = values[i * k + j] * scales[i]. */
export interface Int8Weights {
  readonly n: number
  readonly k: number
  /** [n, k], from -127 to 127. */
  readonly values: Int8Array
  /** [n] */
  readonly scales: Float32Array
}

/**
 * 4-bit weights with one scale per group of 128 inputs: weight = (q - 8) * scale, q from 0 to 15.
 * A row's last group is padded to 128 with q = 8, which is zero.
 */
export interface Int4Weights {
  readonly n: number
  readonly k: number
  readonly groupSize: 128
  /** [n, groups, 64], two q per byte: input 2j of the group in the low half of byte j, input 2j + 1 in the high half. */
  readonly packed: Uint8Array
  /** [n, groups], f16 bit patterns. May be negative: see `quantiseInt4`. */
  readonly scales: Uint16Array
}

export const int4GroupSize = 128

/** The smallest scale of an activation row: the smallest normal f32, so that a zero row divides by something. */
export const smallestScale = 2 ** -126

/** Groups of 128 inputs in a row of k. */
export function int4GroupCount(k: number): number {
  return Math.ceil(k / int4GroupSize)
}

/**
 * Quantises one row of activations: scale = max(max|x| / 127, smallestScale), q = round_half_even(x / scale).
 * Writes `out`, as long as `x`, and returns the scale. A row with NaN or infinity gets a scale that is not finite,
 * so that the fault shows in the layer's output.
 */
export function quantiseRow(x: Float32Array, out: Int8Array): number {
  const scale = Math.max(Math.fround(maxMagnitude(x, 0, x.length) / 127), smallestScale)
  quantiseRange(x, 0, x.length, scale, out)
  return scale
}

/**
 * Quantises weights [n, k] to 8 bits: scale = max|row| / 127 (1 for a row of zeros), q = round_half_even(w / scale).
 * The error of a weight is at most scale / 2. `name` is for messages.
 * Throws code `shape` when the array's length is not n * k, `checkpoint` when a row holds NaN or infinity.
 */
export function quantiseInt8(weights: Float32Array, n: number, k: number, name = 'weights'): Int8Weights {
  checkLength(weights, n, k, name)
  const values = new Int8Array(n * k)
  const scales = new Float32Array(n)
  for (let row = 0; row < n; row++) {
    const start = row * k
    const max = maxMagnitude(weights, start, start + k)
    if (!Number.isFinite(max)) throw notFinite(name, row)
    scales[row] = max === 0 ? 1 : Math.max(max / 127, smallestScale)
    quantiseRange(weights, start, start + k, scales[row], values)
  }
  return { n, k, values, scales }
}

/**
 * Quantises weights [n, k] to 4 bits in groups of 128 inputs, each with the f16 scale that `int4Scale` finds: the squared
 * error of a group is never above that of the plain scale, extreme / -8, where the extreme is the weight of largest
 * magnitude. `name` is for messages.
 * Throws code `shape` when the array's length is not n * k, `checkpoint` when a row holds NaN, infinity, or a weight
 * too large for an f16 scale.
 */
export function quantiseInt4(weights: Float32Array, n: number, k: number, name = 'weights'): Int4Weights {
  checkLength(weights, n, k, name)
  const groups = int4GroupCount(k)
  const packed = new Uint8Array(n * groups * (int4GroupSize / 2)).fill(0x88)
  const scales = new Uint16Array(n * groups)
  for (let row = 0; row < n; row++) {
    for (let group = 0; group < groups; group++) {
      const start = row * k + group * int4GroupSize
      const end = Math.min(start + int4GroupSize, (row + 1) * k)
      const { low, high } = rangeOf(weights, start, end)
      if (!Number.isFinite(high - low)) throw notFinite(name, row)
      const at = row * groups + group
      scales[at] = int4Scale(weights, start, end, low, high)
      const scale = float16Value(scales[at])
      if (!Number.isFinite(scale))
        throw new PacelineError(
          'checkpoint',
          `${name}: row ${row} holds ${high > -low ? high : low}, too large for 4 bits with an f16 scale`,
        )
      // Weights so small that the scale rounds to zero keep q = 8.
      if (scale !== 0) packGroup(weights, start, end, scale, packed, at * (int4GroupSize / 2))
    }
  }
  return { n, k, groupSize: int4GroupSize, packed, scales }
}

/** The weights that quantised ones stand for, [n, k]. */
export function dequantise(weights: Int8Weights | Int4Weights): Float32Array {
  return 'packed' in weights ? dequantiseInt4(weights) : dequantiseInt8(weights)
}

function dequantiseInt8({ n, k, values, scales }: Int8Weights): Float32Array {
  const result = new Float32Array(n * k)
  for (let row = 0; row < n; row++) {
    for (let i = row * k; i < (row + 1) * k; i++) result[i] = values[i] * scales[row]
  }
  return result
}

function dequantiseInt4({ n, k, packed, scales }: Int4Weights): Float32Array {
  const result = new Float32Array(n * k)
  const groups = int4GroupCount(k)
  for (let row = 0; row < n; row++) {
    for (let j = 0; j < k; j++) {
      const at = row * groups + Math.floor(j / int4GroupSize)
      const within = j % int4GroupSize
      const pair = packed[at * (int4GroupSize / 2) + (within >> 1)]
      const q = within % 2 === 0 ? pair & 15 : pair >> 4
      result[row * k + j] = (q - 8) * float16Value(scales[at])
    }
  }
  return result
}

/** 1.5 * 2^52: adding and subtracting it rounds a double below 2^51 to an integer, ties to even. */
const rounder = 6755399441055744

/** Elements start .. end - 1 of `values`, quantised into the same places of `out`. */
function quantiseRange(values: Float32Array, start: number, end: number, scale: number, out: Int8Array): void {
  for (let i = start; i < end; i++) {
    // The largest |value / scale| is 127 up to f32 rounding, so q needs no clamp.
    out[i] = Math.fround(values[i] / scale) + rounder - rounder
  }
}

function packGroup(
  values: Float32Array,
  start: number,
  end: number,
  scale: number,
  packed: Uint8Array,
  at: number,
): void {
  const perUnit = 1 / scale
  for (let i = start; i < end; i += 2) {
    const low = step(values[i], perUnit)
    const high = i + 1 < end ? step(values[i + 1], perUnit) : 0
    packed[at++] = low + 8 + (high + 8) * 16
  }
}

/** -8 to 7 */
function step(value: number, perUnit: number): number {
  const q = value * perUnit + rounder - rounder
  return q > 7 ? 7 : q < -8 ? -8 : q
}

/** The largest |value|, or NaN when any value is NaN. */
function maxMagnitude(values: Float32Array, start: number, end: number): number {
  let max = 0
  for (let i = start; i < end; i++) max = Math.max(max, Math.abs(values[i]))
  return max
}

const range = { low: 0, high: 0 }

/** The smallest and the largest value, or NaN for both when any value is NaN; the same object at every call. */
function rangeOf(values: Float32Array, start: number, end: number): typeof range {
  let low = 0
  let high = 0
  for (let i = start; i < end; i++) {
    low = Math.min(low, values[i])
    high = Math.max(high, values[i])
  }
  range.low = low
  range.high = high
  return range
}

function checkLength(weights: Float32Array, n: number, k: number, name: string): void {
  if (weights.length !== n * k)
    throw new PacelineError('shape', `${name}: [${n}, ${k}] needs ${n * k} elements, got ${weights.length}`)
}

function notFinite(name: string, row: number): PacelineError {
  return new PacelineError('checkpoint', `${name}: row ${row} holds NaN or infinity`)
}
