import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TokenHistory } from './history.ts'
import type { SamplingOptions } from './options.ts'
import { createSampler } from './sampler.ts'

const vocabSize = 12
const nothing = new TokenHistory([])

const logits = fc
  .array(fc.integer({ min: -30, max: 30 }), { minLength: vocabSize, maxLength: vocabSize })
  .map((values) => Float32Array.from(values, (value) => value / 10))
const errors = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: vocabSize, maxLength: vocabSize })

describe.each<[string, SamplingOptions]>([
  ['greedy', {}],
  ['at temperature 1', { temperature: 1 }],
  ['at a low temperature', { temperature: 0.3 }],
  ['with top-k', { temperature: 1, topK: 4 }],
  ['with min-p', { temperature: 1, minP: 0.1 }],
])('a draw that is not contested, %s', (_, options) => {
  test('is the same whatever errors within the band the logits have', () => {
    let certain = 0
    fc.assert(
      fc.property(logits, errors, fc.nat(1000), fc.constantFrom(0.01, 0.1, 0.3), (row, error, seed, band) => {
        const sampler = createSampler({ ...options, seed }, vocabSize)
        if (sampler.contested(row, 3, nothing, band)) return
        certain++
        const off = row.map((logit, token) => logit + band * 0.999 * error[token])
        expect(sampler.draw(off, 3, nothing)).toBe(sampler.draw(row, 3, nothing))
      }),
      { seed: 2, numRuns: 2000 },
    )
    expect(certain).toBeGreaterThan(400)
  })
})

test('a draw is contested where another token is nearer than two errors, and not beyond', () => {
  const sampler = createSampler({}, 4)
  const row = Float32Array.of(0, 2, 1, -1)
  expect(sampler.contested(row, 0, nothing, 0.49)).toBe(false)
  expect(sampler.contested(row, 0, nothing, 0.51)).toBe(true)
})

test('a draw is contested where the winner is near the cutoff of a filter', () => {
  const seeds = Array.from({ length: 50 }, (_, seed) => seed)
  const row = Float32Array.of(3, 0.01, 0, -5)
  const nearCutoff = seeds
    .map((seed) => createSampler({ temperature: 3, topK: 2, seed }, 4))
    .filter((sampler) => sampler.draw(row, 0, nothing) === 1)
  expect(nearCutoff.length).toBeGreaterThan(0)
  for (const sampler of nearCutoff) expect(sampler.contested(row, 0, nothing, 0.1)).toBe(true)
})
