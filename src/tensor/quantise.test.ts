import fc from 'fast-check'
import { expect, test } from 'vitest'
import { float16Bits, float16Value } from './convert.ts'
import { dequantise, int4GroupCount, quantiseInt4, quantiseInt8, quantiseRow, smallestScale } from './quantise.ts'

/** Rows of ordinary weights, with zeros, repeated values and a wide range of magnitudes. */
const matrix = fc
  .record({
    n: fc.integer({ min: 1, max: 4 }),
    k: fc.integer({ min: 1, max: 300 }),
    exponent: fc.integer({ min: -30, max: 10 }),
  })
  .chain(({ n, k, exponent }) =>
    fc
      .array(fc.oneof(fc.constant(0), fc.constantFrom(1, -1, 0.5), fc.double({ min: -1, max: 1, noNaN: true })), {
        minLength: n * k,
        maxLength: n * k,
        size: 'max',
      })
      .map((values) => ({ n, k, weights: Float32Array.from(values, (v) => v * 2 ** exponent) })),
  )

function halfEven(x: number): number {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}

test('an 8-bit weight is within half a step of the original', () => {
  fc.assert(
    fc.property(matrix, ({ n, k, weights }) => {
      const quantised = quantiseInt8(weights, n, k)
      const result = dequantise(quantised)
      for (let i = 0; i < n * k; i++) {
        const step = quantised.scales[Math.floor(i / k)]
        expect(Math.abs(weights[i] - result[i])).toBeLessThanOrEqual(step * (0.5 + 1e-4))
      }
    }),
    { seed: 1 },
  )
})

test("the largest weight of a row becomes 127 or -127, and a row's scale is its magnitude / 127", () => {
  const { values, scales } = quantiseInt8(Float32Array.of(0.5, -2, 1, 0, 3, 0.1), 2, 3)
  expect([...values]).toEqual([32, -127, 64, 0, 127, 4])
  expect([...scales]).toEqual([2 / 127, 3 / 127].map(Math.fround))
})

test('a row of zeros has scale 1 and values 0', () => {
  const { values, scales } = quantiseInt8(new Float32Array(6), 2, 3)
  expect([...scales]).toEqual([1, 1])
  expect([...values]).toEqual([0, 0, 0, 0, 0, 0])
})

test('weights too small for a normal scale do not overflow 8 bits', () => {
  const tiny = Float32Array.of(2 ** -149, -(2 ** -126), 2 ** -130)
  const quantised = quantiseInt8(tiny, 1, 3)
  expect(quantised.scales[0]).toBe(smallestScale)
  expect([...quantised.values]).toEqual([0, -1, 0])
})

test('activations round half to even, with the division in f32, like QuantizeLinear', () => {
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1, maxLength: 40 }), (x) => {
      const out = new Int8Array(x.length)
      const scale = quantiseRow(x, out)
      const max = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expect(scale).toBe(Math.max(Math.fround(max / 127), smallestScale))
      expect([...out]).toEqual(Array.from(x, (value) => halfEven(Math.fround(value / scale)) + 0))
    }),
    { seed: 2, numRuns: 500 },
  )
})

test('ties of activations go to the even neighbour', () => {
  const out = new Int8Array(8)
  const scale = quantiseRow(Float32Array.of(127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5), out)
  expect(scale).toBe(1)
  expect([...out]).toEqual([127, 0, 2, 2, 0, -2, -2, 126])
})

test('a zero row of activations has a scale above zero and values 0', () => {
  const out = new Int8Array(3).fill(9)
  expect(quantiseRow(new Float32Array(3), out)).toBe(smallestScale)
  expect([...out]).toEqual([0, 0, 0])
})

test('NaN and infinity among activations show in the scale', () => {
  const out = new Int8Array(2)
  expect(quantiseRow(Float32Array.of(1, Number.NaN), out)).toBeNaN()
  expect(quantiseRow(Float32Array.of(Number.NEGATIVE_INFINITY, 1), out)).toBe(Number.POSITIVE_INFINITY)
})

/** Squared error of each group of one row. */
function groupErrors(weights: Float32Array, restored: Float32Array): number[] {
  const errors = new Array<number>(int4GroupCount(weights.length)).fill(0)
  for (const [i, w] of weights.entries()) errors[Math.floor(i / 128)] += (w - restored[i]) ** 2
  return errors
}

/** The plain choice of a group's scale: the weight of largest magnitude lies 8 steps from zero. */
function withPlainScales(weights: Float32Array): Float32Array {
  const restored = new Float32Array(weights.length)
  for (let start = 0; start < weights.length; start += 128) {
    const group = weights.subarray(start, start + 128)
    const extreme = group.reduce((most, w) => (Math.abs(w) > Math.abs(most) ? w : most), 0)
    const scale = float16Value(float16Bits(extreme / -8))
    if (scale === 0) continue
    for (const [i, w] of group.entries())
      restored[start + i] = scale * Math.max(-8, Math.min(halfEven(Math.fround(w / scale)), 7))
  }
  return restored
}

test('a 4-bit weight is the nearest of the 16 values that its scale allows', () => {
  fc.assert(
    fc.property(matrix, ({ n, k, weights }) => {
      const quantised = quantiseInt4(weights, n, k)
      const result = dequantise(quantised)
      for (let i = 0; i < n * k; i++) {
        const group = Math.floor(i / k) * int4GroupCount(k) + Math.floor((i % k) / 128)
        const scale = float16Value(quantised.scales[group])
        const steps = Array.from({ length: 16 }, (_, q) => Math.abs(weights[i] - (q - 8) * scale))
        expect(Math.abs(weights[i] - result[i])).toBeLessThanOrEqual(Math.min(...steps) + Math.abs(weights[i]) * 1e-6)
      }
    }),
    { seed: 3 },
  )
})

test('the squared error of a group is never above that of the scale its extreme gives', () => {
  fc.assert(
    fc.property(matrix, ({ k, weights }) => {
      const row = weights.subarray(0, k)
      const plain = groupErrors(row, withPlainScales(row))
      const searched = groupErrors(row, dequantise(quantiseInt4(row, 1, k)))
      for (const [group, error] of searched.entries()) expect(error).toBeLessThanOrEqual(plain[group] * (1 + 1e-6))
    }),
    { seed: 4, numRuns: 500 },
  )
})

test.each([
  ['a bell curve', (u: () => number) => u() + u() + u() + u() - 2, 0.96],
  ['heavy tails', (u: () => number) => (u() - 0.5) / (0.05 + u()), 0.96],
])('on weights that follow %s the root of the squared error falls by a twentieth', (_, draw, most) => {
  let state = 1
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 8) / 2 ** 24
  }
  const weights = Float32Array.from({ length: 64 * 1024 }, () => 0.02 * draw(uniform))
  const sum = (errors: number[]) => errors.reduce((a, b) => a + b)
  const searched = sum(groupErrors(weights, dequantise(quantiseInt4(weights, 1, weights.length))))
  const plain = sum(groupErrors(weights, withPlainScales(weights)))
  expect(Math.sqrt(searched / plain)).toBeLessThan(most)
})

test('weights on a grid that reaches 8 steps on one side, or 7 on both, come back exactly', () => {
  const grids = fc.record({
    scale: fc.integer({ min: 1, max: 0x7a00 }).map(float16Value),
    sign: fc.constantFrom(1, -1),
    ends: fc.constantFrom([-8, 7], [-8, 0], [-7, 7]),
    steps: fc.array(fc.integer({ min: -7, max: 7 }), { minLength: 1, maxLength: 126 }),
  })
  fc.assert(
    fc.property(grids, ({ scale, sign, ends, steps }) => {
      const weights = Float32Array.from([...steps, ...ends], (q) => sign * q * scale)
      const result = dequantise(quantiseInt4(weights, 1, weights.length))
      expect(result.every((value, i) => value === weights[i])).toBe(true) // 0 and -0 are equal
    }),
    { seed: 5, numRuns: 500 },
  )
})

test('a lone weight is kept to f16 precision, whatever its sign', () => {
  for (const extreme of [1.6, -1.6]) {
    const quantised = quantiseInt4(Float32Array.of(0, extreme, 0, 0), 1, 4)
    expect(quantised.packed[0] >> 4).toBe(0)
    expect(Math.sign(float16Value(quantised.scales[0]))).toBe(-Math.sign(extreme))
    expect(Math.abs(dequantise(quantised)[1] / extreme - 1)).toBeLessThanOrEqual(2 ** -11)
  }
})

test('4-bit values on the grid of an f16 scale come back exactly, low half first', () => {
  const grid = Float32Array.from({ length: 16 }, (_, q) => (q - 8) * 0.25)
  const quantised = quantiseInt4(grid, 1, 16)
  expect(quantised.packed.slice(0, 8)).toEqual(Uint8Array.of(0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe))
  expect(dequantise(quantised)).toEqual(grid)
})

test('a row whose length is no multiple of 128 is padded with q = 8, and rows do not share groups', () => {
  const weights = new Float32Array(2 * 131).fill(-8)
  weights.fill(4, 131)
  const { packed, scales } = quantiseInt4(weights, 2, 131)
  expect(packed.length).toBe(2 * 2 * 64)
  expect([...scales].map(float16Value)).toEqual([1, 1, -0.5, -0.5])
  for (const row of [0, 1]) {
    const last = packed.slice((row * 2 + 1) * 64, (row * 2 + 2) * 64)
    expect([...last]).toEqual([0x00, 0x80, ...new Array(62).fill(0x88)])
  }
})

test('a group of zeros, or of weights too small for an f16 scale, is zero', () => {
  const quantised = quantiseInt4(
    Float32Array.from({ length: 256 }, (_, i) => (i < 128 ? 0 : 1e-8)),
    1,
    256,
  )
  expect([...quantised.packed].every((byte) => byte === 0x88)).toBe(true)
  expect(dequantise(quantised).every((value) => value === 0)).toBe(true)
})

test('NaN, infinity and weights beyond an f16 scale are refused, naming the row', () => {
  const refused = { code: 'checkpoint', message: expect.stringContaining('up_proj: row 1') }
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const weights = Float32Array.of(1, 2, 3, bad)
    expect(() => quantiseInt8(weights, 2, 2, 'up_proj')).toThrow(expect.objectContaining(refused))
    expect(() => quantiseInt4(weights, 2, 2, 'up_proj')).toThrow(expect.objectContaining(refused))
  }
  expect(() => quantiseInt4(Float32Array.of(1, 2, 3, 1e6), 2, 2, 'up_proj')).toThrow(expect.objectContaining(refused))
})

test('an array that is not [n, k] is refused', () => {
  expect(() => quantiseInt8(new Float32Array(5), 2, 3)).toThrow(expect.objectContaining({ code: 'shape' }))
  expect(() => quantiseInt4(new Float32Array(5), 2, 3)).toThrow(expect.objectContaining({ code: 'shape' }))
})
