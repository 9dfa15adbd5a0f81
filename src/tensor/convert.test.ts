import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  bfloat16ToFloat32,
  float16Bits,
  float16ToFloat32,
  float16Value,
  float32ToBfloat16,
  float32ToFloat16,
  toFloat32,
} from './convert.ts'
import { tensor, zeros } from './tensor.ts'

const patterns = Uint16Array.from({ length: 0x10000 }, (_, i) => i)

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length)
}

/** The definition of binary16, in exact arithmetic. */
function binary16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const mantissa = bits & 0x3ff
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25)
}

test('every f16 pattern converts to the value IEEE 754 gives it', () => {
  const values = float16ToFloat32(patterns)
  for (const bits of patterns) expect(Object.is(values[bits], binary16(bits)) || `pattern ${bits}`).toBe(true)
  expect(float16Value(0x3555)).toBe(binary16(0x3555))
})

test('every f16 pattern but NaN survives f32 and back', () => {
  const back = float32ToFloat16(float16ToFloat32(patterns))
  const isNaN16 = (bits: number) => (bits & 0x7fff) > 0x7c00
  const changed = patterns.filter((bits) => (isNaN16(bits) ? !isNaN16(back[bits]) : back[bits] !== bits))
  expect(changed).toEqual(new Uint16Array())
})

test('between any two neighbouring f16 values, f32 rounds to the nearer and ties go to the even pattern', () => {
  const wrong: number[] = []
  const probe = new Float32Array(3)
  const probeBits = bitsOf(probe)
  for (let low = 0; low < 0x7c00; low++) {
    const next = low === 0x7bff ? 65536 : binary16(low + 1) // beyond the largest value, infinity takes the next step's place
    probe.fill((binary16(low) + next) / 2)
    probeBits[0]--
    probeBits[2]++
    const even = low % 2 === 0 ? low : low + 1
    for (const sign of [1, -1]) {
      const signBit = sign < 0 ? 0x8000 : 0
      const rounded = float32ToFloat16(probe.map((x) => sign * x))
      const expected = [low | signBit, even | signBit, (low + 1) | signBit]
      if (expected.some((bits, i) => bits !== rounded[i])) wrong.push(low)
    }
  }
  expect(wrong).toEqual([])
})

test('any f32 becomes the f16 that no other f16 is nearer to', () => {
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
      const bits = float16Bits(value)
      const error = Math.abs(binary16(bits) - value)
      for (const other of [bits - 1, bits + 1]) {
        const distance = Math.abs(binary16(other & 0xffff) - value)
        if (!Number.isNaN(distance)) expect(error).toBeLessThanOrEqual(distance)
      }
    }),
    { seed: 1, numRuns: 2000 },
  )
})

test('f16 keeps the sign of zero, infinity and NaN, and overflows to infinity from 65520', () => {
  expect([0, -0, 1 / 0, -1 / 0, 65519.99, 65520, 1e30].map(float16Bits)).toEqual([
    0, 0x8000, 0x7c00, 0xfc00, 0x7bff, 0x7c00, 0x7c00,
  ])
  expect(binary16(float16Bits(Number.NaN))).toBeNaN()
})

test('every bf16 pattern is the upper half of its f32', () => {
  const bits = bitsOf(bfloat16ToFloat32(patterns))
  expect(bits.every((b, i) => b === patterns[i] * 0x10000)).toBe(true)
})

test('every bf16 pattern but a signalling NaN survives f32 and back, and NaN stays NaN', () => {
  const back = float32ToBfloat16(bfloat16ToFloat32(patterns))
  const isNaN16 = (bits: number) => (bits & 0x7fff) > 0x7f80
  const changed = patterns.filter((bits) => (isNaN16(bits) ? !isNaN16(back[bits]) : back[bits] !== bits))
  expect(changed).toEqual(new Uint16Array())
})

test('between any two neighbouring bf16 patterns, f32 rounds to the nearer and ties go to the even pattern', () => {
  const wrong: number[] = []
  for (const low of patterns) {
    if ((low & 0x7fff) >= 0x7f80) continue
    const probes = Uint32Array.from([0x7fff, 0x8000, 0x8001], (step) => low * 0x10000 + step)
    const rounded = float32ToBfloat16(new Float32Array(probes.buffer))
    const even = low % 2 === 0 ? low : low + 1
    if (rounded[0] !== low || rounded[1] !== even || rounded[2] !== low + 1) wrong.push(low)
  }
  expect(wrong).toEqual([])
})

test('a NaN whose payload is only in the lower half does not become infinity in bf16', () => {
  const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xff80ffff, 0x7fffffff).buffer)
  expect([...bfloat16ToFloat32(float32ToBfloat16(nan))]).toEqual([Number.NaN, Number.NaN, Number.NaN])
})

test('toFloat32 returns an f32 tensor without copying and converts f16 and bf16', () => {
  const data = Float32Array.of(1, -2)
  expect(toFloat32(tensor('f32', [2], data))).toBe(data)
  expect([...toFloat32(tensor('f16', [2], Uint16Array.of(0x3c00, 0xc000)))]).toEqual([1, -2])
  expect([...toFloat32(tensor('bf16', [2], Uint16Array.of(0x3f80, 0xc000)))]).toEqual([1, -2])
})

test('toFloat32 refuses element types that are not floating point', () => {
  expect(() => toFloat32(zeros('i64', [2]))).toThrow(expect.objectContaining({ code: 'unsupported' }))
})
