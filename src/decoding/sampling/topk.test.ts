import fc from 'fast-check'
import { expect, it } from 'vitest'
import { selectTopK } from './topk.ts'

it('keeps the same tokens as a full sort, and returns the last of them', () => {
  // Few distinct values, so that ties are everywhere.
  const logit = fc.oneof(
    fc.integer({ min: -3, max: 3 }),
    fc.constant(-Infinity),
    fc.float({ min: -10, max: 10, noNaN: true }),
  )
  const cases = fc
    .array(logit, { minLength: 1, maxLength: 60 })
    .chain((logits) => fc.tuple(fc.constant(Float32Array.from(logits)), fc.integer({ min: 1, max: logits.length })))
  fc.assert(
    fc.property(cases, ([logits, k]) => {
      const sorted = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b).slice(0, k)
      const kept = new Int32Array(k)
      expect(selectTopK(logits, kept)).toBe(sorted[k - 1])
      expect([...kept].sort()).toEqual([...sorted].sort())
    }),
    { seed: 4, numRuns: 1000 },
  )
})
