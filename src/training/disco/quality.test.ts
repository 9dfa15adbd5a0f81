import fc from 'fast-check'
import { expect, test } from 'vitest'
import { qualityOf } from './quality.ts'

const told = fc.record({ chance: fc.integer({ min: 0, max: 6 }).map((x) => x / 6), accepted: fc.boolean() })

test('AUC is the share of pairs told in the right order, equals counting half', () => {
  fc.assert(
    fc.property(fc.array(told, { minLength: 2, maxLength: 40 }), (all) => {
      const [right, wrong] = [all.filter(({ accepted }) => accepted), all.filter(({ accepted }) => !accepted)]
      fc.pre(right.length > 0 && wrong.length > 0)
      let pairs = 0
      for (const a of right) for (const b of wrong) pairs += a.chance > b.chance ? 1 : a.chance === b.chance ? 0.5 : 0
      expect(qualityOf(all).auc).toBeCloseTo(pairs / (right.length * wrong.length), 10)
    }),
    { seed: 2, numRuns: 100 },
  )
})

test('accuracy, share accepted and calibration error of a small case', () => {
  const all = [
    { chance: 0.95, accepted: true },
    { chance: 0.92, accepted: false },
    { chance: 0.12, accepted: false },
    { chance: 0.5, accepted: true },
  ]
  const { guesses, accepted, accuracy, calibrationError } = qualityOf(all)
  expect({ guesses, accepted, accuracy }).toEqual({ guesses: 4, accepted: 0.5, accuracy: 0.75 })
  // Bins of two, one and one: |1.87 - 1|, |0.12 - 0|, |0.5 - 1|.
  expect(calibrationError).toBeCloseTo((0.87 + 0.12 + 0.5) / 4, 12)
})
