import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { adaptive, bestThreshold } from './adaptive.ts'
import { drafted, guessed, step } from './tiny.ts'

interface Labelled {
  readonly probability: number
  readonly accepted: boolean
}

/** fpr + 3 (1 - tpr) of letting pass what is at least this likely. */
function cost(seen: readonly Labelled[], threshold: number): number {
  const share = (of: readonly Labelled[]) => of.filter(({ probability }) => probability >= threshold).length / of.length
  const [right, wrong] = [seen.filter(({ accepted }) => accepted), seen.filter(({ accepted }) => !accepted)]
  return share(wrong) + 3 * (1 - share(right))
}

describe('the best threshold', () => {
  test('costs what the cheapest of all thresholds costs', () => {
    const guess = fc.record({ probability: fc.integer({ min: 0, max: 10 }).map((x) => x / 10), accepted: fc.boolean() })
    fc.assert(
      fc.property(fc.array(guess, { minLength: 6, maxLength: 60 }), (seen) => {
        const threshold = bestThreshold(seen)
        const classes = new Set(seen.map(({ accepted }) => accepted)).size
        if (classes < 2) return expect(threshold).toBeUndefined()
        const all = Array.from({ length: 12 }, (_, i) => cost(seen, i / 10))
        expect(cost(seen, threshold!)).toBeCloseTo(Math.min(...all), 12)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('is not chosen by fewer than six guesses', () => {
    const five = [0.9, 0.8, 0.7, 0.2, 0.1].map((probability) => ({ probability, accepted: probability > 0.5 }))
    expect(bestThreshold(five)).toBeUndefined()
    expect(bestThreshold([...five, { probability: 0.6, accepted: true }])).toBe(0.6)
  })
})

/** Drafts one guess at a time, of probabilities evenly spread, each right where it is at least `from`. */
function feed(policy: ReturnType<typeof adaptive>, count: number, from: number): void {
  for (let i = 0; i < count; i++) {
    const probability = ((i * 37) % 100) / 100
    step(policy, [guessed(probability)], probability >= from ? 1 : 0)
  }
}

const at = (policy: ReturnType<typeof adaptive>, probability: number) =>
  drafted(policy, [guessed(probability), guessed(probability)]) === 2

test('the threshold follows a stream that drifts, both ways', () => {
  const policy = adaptive(0.4)
  expect([at(policy, 0.5), at(policy, 0.3)]).toEqual([true, false])
  feed(policy, 300, 0.8)
  expect([at(policy, 0.85), at(policy, 0.7)]).toEqual([true, false])
  feed(policy, 300, 0.3)
  expect([at(policy, 0.35), at(policy, 0.25)]).toEqual([true, false])
  feed(policy, 300, 0.8)
  expect([at(policy, 0.85), at(policy, 0.7)]).toEqual([true, false])
})

test('guesses behind the first wrong one teach nothing', () => {
  const policy = adaptive(0)
  // Each draft: a right guess at 0.6, a wrong one at 0.5, and unknown ones that are sure of themselves.
  for (let i = 0; i < 20; i++)
    step(
      policy,
      [0.6, 0.5, 0.9, 0.95].map((p) => guessed(p)),
      1,
    )
  expect([at(policy, 0.6), at(policy, 0.55)]).toEqual([true, false])
})
