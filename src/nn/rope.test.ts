import { describe, expect, test } from 'vitest'
import { rotationOf } from './rope.ts'
import type { RopeScaling } from './spec.ts'

const frequencies = (theta: number, scaling: RopeScaling, headDim: number) => [
  ...rotationOf({ theta, scaling }, headDim).frequencies,
]
const unscaled = (theta: number, headDim: number) => frequencies(theta, { type: 'default' }, headDim)

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length)
  expected.forEach((value, i) => {
    expect(actual[i] / value, `pair ${i}`).toBeCloseTo(1, 12)
  })
}

test('the first pair turns by 1 per position, each next one slower by theta^(-2 / headDim)', () => {
  expectClose(unscaled(10_000, 8), [1, 0.1, 0.01, 0.001])
  expectClose(unscaled(256, 4), [1, 1 / 16])
  expect(rotationOf({ theta: 10_000, scaling: { type: 'default' } }, 8).scale).toBe(1)
})

test('linear: every pair is slower by the factor', () => {
  expectClose(frequencies(10_000, { type: 'linear', factor: 4 }, 8), [0.25, 0.025, 0.0025, 0.00025])
})

describe('llama3', () => {
  const llama31 = {
    type: 'llama3',
    factor: 8,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalContextLength: 8192,
  } as const

  test('wavelengths below 2048 are kept in Llama 3.1, above 8192 stretched eightfold, mixed in between', () => {
    const base = unscaled(500_000, 128)
    const scaled = frequencies(500_000, llama31, 128)
    // As Meta's release computes it, in wavelengths.
    const expected = base.map((frequency) => {
      const wavelength = (2 * Math.PI) / frequency
      if (wavelength < 8192 / 4) return frequency
      if (wavelength > 8192 / 1) return frequency / 8
      const smooth = (8192 / wavelength - 1) / (4 - 1)
      return ((1 - smooth) * frequency) / 8 + smooth * frequency
    })
    expectClose(scaled, expected)
    // 2 pi 500000^(2i / 128) passes 2048 between pairs 28 and 29, and 8192 between 34 and 35.
    expectClose(scaled.slice(0, 29), base.slice(0, 29))
    expectClose(
      scaled.slice(35),
      base.slice(35).map((f) => f / 8),
    )
    for (let i = 29; i < 35; i++) {
      expect(scaled[i]).toBeLessThan(base[i])
      expect(scaled[i]).toBeGreaterThan(base[i] / 8)
    }
  })

  test('factor 1 is no stretching', () => {
    expectClose(frequencies(500_000, { ...llama31, factor: 1 }, 128), unscaled(500_000, 128))
  })
})

describe('YaRN', () => {
  const qwen = {
    type: 'yarn',
    factor: 4,
    originalContextLength: 32_768,
    betaFast: 32,
    betaSlow: 1,
    attentionFactor: 1.25,
    truncate: true,
  } as const
  const theta = 1_000_000
  const base = unscaled(theta, 128)

  /** The dimension that turns `turns` times over the original context, solved from 32768 theta^(-2i / 128) = 2 pi turns. */
  const dimensionOf = (turns: number) => 64 * (Math.log(32_768 / (2 * Math.PI * turns)) / Math.log(theta))

  /** Pair i turns at its own speed at the ramp's beginning and at a quarter of it at the end. */
  const ramp = (from: number, to: number) =>
    base.map((frequency, i) => {
      const slowed = i <= from ? 0 : i >= to ? 1 : (i - from) / (to - from)
      return frequency * (1 - slowed * (1 - 1 / 4))
    })

  test('pairs of 32 turns and more are kept, of 1 turn and less stretched, on a ramp in between', () => {
    expect([Math.floor(dimensionOf(32)), Math.ceil(dimensionOf(1))]).toEqual([23, 40])
    expectClose(frequencies(theta, qwen, 128), ramp(23, 40))
  })

  test('without truncation the ramp begins and ends between pairs', () => {
    expectClose(frequencies(theta, { ...qwen, truncate: false }, 128), ramp(dimensionOf(32), dimensionOf(1)))
  })

  test('the ramp begins at the first pair at the earliest', () => {
    // 64 positions turn even the first pair only ten times.
    expect(Math.ceil(64 * (Math.log(64 / (2 * Math.PI)) / Math.log(theta)))).toBe(11)
    expectClose(frequencies(theta, { ...qwen, originalContextLength: 64 }, 128), ramp(0, 11))
  })

  test('a context in which all pairs turn often needs no stretching', () => {
    expectClose(frequencies(theta, { ...qwen, originalContextLength: 10 ** 9 }, 128), base)
  })

  test('cos and sin are multiplied by the attention factor', () => {
    expect(rotationOf({ theta, scaling: qwen }, 128).scale).toBe(1.25)
  })

  test('factor 1 is no stretching', () => {
    expectClose(frequencies(theta, { ...qwen, factor: 1 }, 128), base)
  })
})
