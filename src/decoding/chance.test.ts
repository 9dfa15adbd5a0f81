import { describe, expect, test } from 'vitest'
import { chanceFrom, chanceOf } from './chance.ts'
import { mutated } from './exactness/mutant.ts'

const decisions = (seed: number, position: number) => {
  const chance = chanceOf(seed, position)
  return Array.from({ length: 60 }, (_, i) => (i % 2 ? chance.bernoulli(0.5) : chance.categorical([0.2, 0.3, 0.5])))
}

test('the chance of a step is a pure function of seed and position', () => {
  expect(decisions(7, 3)).toEqual(decisions(7, 3))
  const others = [decisions(7, 3), decisions(8, 3), decisions(7, 4), decisions(7 + 2 ** 32, 3)]
  expect(new Set(others.map(String)).size).toBe(4)
})

/** What decisions of an eighth each come to, over all numbers that an eighth tells apart. */
const eighths = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => i / 8)
const weights = [0, 0.25, 0, 0.5, 0.125, 0, 0.125, 0]

/** Whether each decision comes out as often as it should, and no impossible one ever does. */
function isExact(from: typeof chanceFrom): boolean {
  const extremes = [0, 2 ** -53, 0.5, 1 - 2 ** -53].map((u) => from(() => u))
  const short = [0, 0.3, 0.3, 0]
  return (
    [0, ...eighths, 1].every((p) => eighths.filter((u) => from(() => u).bernoulli(p)).length === 8 * p) &&
    weights.every((w, x) => eighths.filter((u) => from(() => u).categorical(weights) === x).length === 8 * w) &&
    extremes.every((chance) => !chance.bernoulli(0) && chance.bernoulli(1) && chance.bernoulli(1.5)) &&
    // Weights whose sum rounding left below 1.
    extremes.every((chance) => short[chance.categorical(short)] > 0)
  )
}

test('nothing of probability 0 happens and all else does as often as it should, at every number there is', () => {
  expect(isExact(chanceFrom)).toBe(true)
})

describe('chance is found out that', () => {
  test.each([
    ['accepts at probability 0', 'uniform() < p', 'uniform() <= p'],
    ['gives the number where two tokens meet to the first', 'if (left < 0)', 'if (left <= 0)'],
    ['falls back on a token without weight', 'if (weights[x] <= 0) continue', ''],
    ['falls back on the first token', 'last = x\n', ''],
  ])('%s', async (_, piece, instead) => {
    const mutant = (await import(mutated('./chance.ts', { piece, instead }))) as typeof import('./chance.ts')
    expect(isExact(mutant.chanceFrom)).toBe(false)
  })
})
