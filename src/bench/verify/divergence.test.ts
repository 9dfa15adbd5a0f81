import { describe, expect, test } from 'vitest'
import { createSampler, gumbelNoise, TokenHistory } from '../../decoding/index.ts'
import { firstDivergence, isExplained, tieOf } from './divergence.ts'

test('the first divergence is the first token that differs, or the end of the shorter text', () => {
  expect(firstDivergence([1, 2, 3], [1, 2, 3])).toBeUndefined()
  expect(firstDivergence([], [])).toBeUndefined()
  expect(firstDivergence([1, 2, 3], [1, 4, 3])).toBe(1)
  expect(firstDivergence([1, 2, 3], [0])).toBe(0)
  expect(firstDivergence([1, 2, 3], [1, 2])).toBe(2)
  expect(firstDivergence([1, 2], [1, 2, 3])).toBe(2)
  expect(firstDivergence([], [1])).toBe(0)
})

describe('a tie', () => {
  const logits = Float32Array.of(1, 3, 2.5, -1)

  test('of greedy decoding is between logits', () => {
    const { settings } = createSampler({}, 4)
    expect(tieOf(logits, settings, 0, 1, 2)).toEqual({ margin: 0.5, gap: 0.5 })
    expect(tieOf(logits, settings, 0, 1, 0)).toEqual({ margin: 0.5, gap: 2 })
    expect(tieOf(logits, settings, 0, 2, 1)).toEqual({ margin: 0.5, gap: -0.5 })
  })

  test('of a draw is between logits with their noise, in units of logits', () => {
    for (const temperature of [0.5, 1, 2])
      for (let position = 0; position < 20; position++) {
        const { settings, draw } = createSampler({ temperature, seed: 3 }, 4)
        const scores = [...logits].map((logit, token) => logit + temperature * gumbelNoise(3, position, token))
        const winner = draw(logits, position, new TokenHistory([]))
        expect(winner).toBe(scores.indexOf(Math.max(...scores)))
        const [first, second] = [...scores].sort((a, b) => b - a)
        expect(tieOf(logits, settings, position, winner, 3).margin).toBeCloseTo(first - second, 12)
        expect(tieOf(logits, settings, position, winner, 3).gap).toBeCloseTo(first - scores[3], 12)
      }
  })

  test('with the end of a text is none', () => {
    const { settings } = createSampler({}, 4)
    expect(tieOf(logits, settings, 0, 1, undefined).gap).toBe(Number.POSITIVE_INFINITY)
    expect(tieOf(logits, settings, 0, undefined, 1).gap).toBe(Number.POSITIVE_INFINITY)
  })
})

test('a difference is explained where one row yields plain’s token and both are within twice the error', () => {
  expect(isExplained(5, 5, { gap: 0.02 }, 0.01)).toBe(true)
  expect(isExplained(5, 5, { gap: 0.021 }, 0.01)).toBe(false)
  expect(isExplained(6, 5, { gap: 0.001 }, 0.01)).toBe(false)
  // Where rows are exact, nothing but a tie is explained.
  expect(isExplained(5, 5, { gap: 1e-9 }, 0)).toBe(false)
  expect(isExplained(5, undefined, { gap: Number.POSITIVE_INFINITY }, 0.01)).toBe(false)
})
