import { PacelineError } from '../errors.ts'
import type { Tensor } from './tensor.ts'

/*
 * 16-bit floating point, as bit patterns.
 *   f16  (IEEE 754 binary16): 1 sign bit, 5 exponent bits, 10 mantissa bits
 *   bf16 (the upper half of an f32): 1 sign bit, 8 exponent bits, 7 mantissa bits
 * Conversions to f32 are exact; conversions from f32 round to nearest, ties to even.
 */

/**
 * The elements as f32. An f32 tensor's own array is returned, not a copy; f16 and bf16 are converted exactly.
 * Throws code `unsupported` for other element types.
 */
export function toFloat32(tensor: Tensor): Float32Array {
  if (tensor.dtype === 'f32') return tensor.data as Float32Array
  const values = new Float32Array(tensor.data.length)
  copyAsFloat32(tensor, 0, values.length, values, 0)
  return values
}

/** Puts `count` elements from `start` on into `to`, from `at` on, as `toFloat32` converts them. */
export function copyAsFloat32(
  { dtype, data }: Tensor,
  start: number,
  count: number,
  to: Float32Array,
  at: number,
): void {
  if (dtype === 'f32') {
    to.set((data as Float32Array).subarray(start, start + count), at)
  } else if (dtype === 'f16') {
    // Computed: a table of all values would be out of the processor's caches whenever a decoding step asks for a few rows.
    const bits = data as Uint16Array
    for (let i = 0; i < count; i++) to[at + i] = float16Value(bits[start + i])
  } else if (dtype === 'bf16') {
    const bits = data as Uint16Array
    const valueBits = new Uint32Array(to.buffer, to.byteOffset, to.length)
    for (let i = 0; i < count; i++) valueBits[at + i] = bits[start + i] << 16
  } else throw new PacelineError('unsupported', `expected a tensor of f32, f16 or bf16, got ${dtype}`)
}

/** f16 bit patterns -> values. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  return toFloat32({ dtype: 'f16', shape: [bits.length], data: bits })
}

/** bf16 bit patterns -> values. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  return toFloat32({ dtype: 'bf16', shape: [bits.length], data: bits })
}

/** Values -> f16 bit patterns. Magnitudes from 65,520 become infinity, those up to 2^-25 become zero. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) bits[i] = float16Bits(values[i])
  return bits
}

/** Values -> bf16 bit patterns. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const valueBits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const bits = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const b = valueBits[i]
    const notANumber = (b & 0x7fffffff) > 0x7f800000
    // Adding just under half a bf16 step, plus the last kept bit, carries exactly when nearest-even rounds up.
    // A NaN is only cut, with its quiet bit set: a carry could turn it into an infinity.
    bits[i] = notANumber ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16
  }
  return bits
}

/** The value of one f16 bit pattern. */
export function float16Value(bits: number): number {
  const magnitude = bits & 0x7fff
  if (magnitude < 0x400) return (bits < 0x8000 ? magnitude : -magnitude) * 2 ** -24
  scratchBits[0] = ((bits & 0x8000) << 16) | ((magnitude << 13) + (magnitude < 0x7c00 ? 0x38000000 : 0x70000000))
  return scratch[0]
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** The f16 bit pattern nearest to an f32 value. */
export function float16Bits(value: number): number {
  scratch[0] = value
  const sign = (scratchBits[0] >>> 16) & 0x8000
  const magnitude = scratchBits[0] & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff) // NaN, made quiet
  if (magnitude >= 0x47800000) return sign | 0x7c00 // 2^16 and above, infinity
  if (magnitude < 0x38800000) {
    // Below 2^-14 the f16 step is 2^-24, which is the f32 step at 0.5: the addition rounds as f16 must.
    scratch[0] = 0.5 + Math.abs(scratch[0])
    return sign | (scratchBits[0] - 0x3f000000)
  }
  // Rebias the exponent from 127 to 15 and drop 13 bits, to nearest even; the carry may reach the exponent, as it should.
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
}
