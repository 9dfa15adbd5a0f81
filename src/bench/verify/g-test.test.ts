import { describe, expect, test } from 'vitest'
import { philox4x32 } from '../../decoding/index.ts'
import { type Cell, chiSquareTail, gTest } from './g-test.ts'

describe('the tail of chi-square', () => {
  test('of two degrees is an exponential, and of four has its closed form', () => {
    for (const x of [0.01, 0.5, 1, 3, 10, 60, 400]) {
      expect(chiSquareTail(x, 2) / Math.exp(-x / 2)).toBeCloseTo(1, 11)
      expect(chiSquareTail(x, 4) / (Math.exp(-x / 2) * (1 + x / 2))).toBeCloseTo(1, 11)
    }
  })

  test.each([
    [1, 3.841458820694124, 0.05],
    [1, 23.92812697687947, 1e-6],
    [5, 11.070497693516351, 0.05],
    [10, 46.86, 1e-6],
    [99, 123.2252214533618, 0.05],
  ])('of %s degrees beyond %s is %s', (degrees, x, p) => {
    expect(Math.abs(Math.log(chiSquareTail(x, degrees) / p))).toBeLessThan(0.01)
  })

  test('is 1 from 0 on and falls, without a step where series and continued fraction meet', () => {
    for (const degrees of [1, 2, 7, 40, 801]) {
      expect(chiSquareTail(0, degrees)).toBe(1)
      let before = 1
      for (let x = 0; x < 3 * degrees; x += degrees / 50) {
        const now = chiSquareTail(x, degrees)
        expect(now).toBeLessThanOrEqual(before + 1e-12)
        expect(before - now).toBeLessThan(0.25)
        before = now
      }
      const meeting = degrees + 2
      expect(chiSquareTail(meeting - 1e-9, degrees)).toBeCloseTo(chiSquareTail(meeting + 1e-9, degrees), 8)
    }
  })
})

/** How often each of `probabilities` comes in so many draws. */
function draw(probabilities: readonly number[], samples: number, stream: number): number[] {
  const counts = probabilities.map(() => 0)
  const words = new Uint32Array(4)
  for (let i = 0; i < samples; i++) {
    philox4x32(words, i, stream, 0, 0, 5, 0)
    let left = words[0] / 2 ** 32
    let x = 0
    while (x < probabilities.length - 1 && left >= probabilities[x]) left -= probabilities[x++]
    counts[x]++
  }
  return counts
}

const cells = (counts: readonly number[], probabilities: readonly number[]): Cell[] =>
  counts.map((count, i) => ({ count, probability: probabilities[i] }))

describe('the G-test', () => {
  const uneven = [0.4, 0.3, 0.2, 0.05, 0.03, 0.01, 0.006, 0.004]

  test('is the sum of its definition, divided as Williams says', () => {
    const [counts, p] = [
      [30, 50, 20],
      [0.25, 0.5, 0.25],
    ]
    const G = 2 * (30 * Math.log(30 / 25) + 50 * Math.log(50 / 50) + 20 * Math.log(20 / 25))
    const { statistic, degrees } = gTest(cells(counts, p))
    expect(degrees).toBe(2)
    expect(statistic).toBeCloseTo(G / (1 + (4 + 2 + 4 - 1) / (6 * 100 * 2)), 12)
  })

  test('passes draws from the distribution: its p is as if drawn from [0, 1)', () => {
    const values = Array.from({ length: 400 }, (_, i) => gTest(cells(draw(uneven, 1000, i), uneven)).p)
    for (const level of [0.05, 0.25, 0.5, 0.75]) {
      const share = values.filter((p) => p < level).length / values.length
      expect(Math.abs(share - level)).toBeLessThan(0.08)
    }
    expect(Math.min(...values)).toBeGreaterThan(1e-5)
  })

  test('fails draws from another distribution', () => {
    const sharper = uneven.map((p) => p ** 1.25)
    const total = sharper.reduce((a, b) => a + b)
    const other = sharper.map((p) => p / total)
    for (let i = 0; i < 20; i++) expect(gTest(cells(draw(other, 4000, i), uneven)).p).toBeLessThan(1e-6)
  })

  test('fails where the impossible was seen', () => {
    expect(gTest(cells([999, 1], [1, 0])).p).toBe(0)
    expect(gTest(cells([1000, 0], [1, 0]))).toEqual({ statistic: 0, degrees: 0, p: 1 })
  })

  test('counts rare outcomes together, with a more likely one where they are too few', () => {
    // Expected: 60, 36, 3, 1. The last two make 4, which is too few: they go with the 36.
    expect(gTest(cells([60, 36, 3, 1], [0.6, 0.36, 0.03, 0.01])).degrees).toBe(1)
    // Expected: 60, 32, 4, 4. The last two make 8.
    expect(gTest(cells([60, 32, 4, 4], [0.6, 0.32, 0.04, 0.04])).degrees).toBe(2)
    expect(gTest(cells([60, 32, 8, 0], [0.6, 0.32, 0.04, 0.04])).statistic).toBeCloseTo(0, 12)
  })
})
