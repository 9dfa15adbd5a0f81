import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TokenHistory } from './history.ts'
import type { SamplingOptions } from './options.ts'
import { createSampler } from './sampler.ts'

const size = 10
const history = new TokenHistory([0, 1, 2])
for (const token of [3, 3, 4]) history.push(token)

const fresh = new TokenHistory([])

const logits = fc.array(fc.integer({ min: -40, max: 40 }), { minLength: size, maxLength: size })
const errors = fc.array(fc.constantFrom(-1, -0.5, 0, 0.5, 1), { minLength: size, maxLength: size })

const samplings: [string, SamplingOptions][] = [
  ['greedy', {}],
  ['greedy with penalties', { repetitionPenalty: 0.4, presencePenalty: 1 }],
  ['temperature', { temperature: 0.8 }],
  ['top-k', { temperature: 1.5, topK: 3 }],
  ['top-k of one', { temperature: 1, topK: 1 }],
  ['top-p', { temperature: 1, topP: 0.8 }],
  ['a high top-p', { temperature: 2, topP: 0.98 }],
  ['min-p', { temperature: 1.2, minP: 0.1 }],
  ['all filters and penalties', { temperature: 1.3, topK: 6, topP: 0.9, minP: 0.02, repetitionPenalty: 1.7 }],
]

describe('no error of the logits changes a draw that is not contested', () => {
  test.each(samplings)('%s', (_, sampling) => {
    let settled = 0
    fc.assert(
      fc.property(
        logits,
        fc.array(errors, { minLength: 12, maxLength: 12 }),
        fc.constantFrom(0.01, 0.05, 0.2),
        fc.nat(1e6),
        (quarters, trials, band, seed) => {
          const sampler = createSampler({ ...sampling, seed }, size)
          const row = Float32Array.from(quarters, (quarter) => quarter / 8)
          if (sampler.contested(row, 3, history, band)) return
          settled++
          const draw = sampler.draw(row, 3, history)
          for (const trial of trials) {
            // Floats round the sum: a little less than the band.
            const off = row.map((logit, token) => logit + 0.999 * band * trial[token])
            expect(sampler.draw(off, 3, history)).toBe(draw)
          }
        },
      ),
      { seed: 5, numRuns: 1500 },
    )
    // A guard that stops everything would be safe as well.
    expect(settled).toBeGreaterThan(300)
  })
})

test('a near-tie is contested, with or without noise', () => {
  for (const temperature of [0, 1]) {
    const sampler = createSampler({ temperature, seed: 4 }, 2)
    const noise = Array.from({ length: 200 }, (_, i) => Float32Array.of(0, (i - 100) / 20))
    const draws = noise.map((row) => sampler.draw(row, 0, history))
    const turn = draws.indexOf(1)
    expect(sampler.contested(noise[turn], 0, history, 0.06)).toBe(true)
    expect(sampler.contested(noise[0], 0, history, 0.06)).toBe(false)
  }
})

test('a token that top-p would let in with a little less weight before it is in the contest', () => {
  // 0.5, 0.3, 0.15 and 0.05: the first two are just enough, the third is far from them.
  const row = Float32Array.from([0.5, 0.3, 0.15, 0.05], Math.log)
  const differs = Array.from({ length: 200 }, (_, seed) => {
    const sampler = createSampler({ temperature: 1, topP: 0.7999, seed }, 4)
    const off = Float32Array.of(row[0] - 0.01, row[1] - 0.01, row[2] + 0.01, row[3] + 0.01)
    const changed = sampler.draw(row, 0, fresh) !== sampler.draw(off, 0, fresh)
    if (changed) expect(sampler.contested(row, 0, fresh, 0.0101)).toBe(true)
    return changed
  })
  expect(differs.filter(Boolean).length).toBeGreaterThan(10)
})

test('a draw is contested where another token is nearer than two errors, and not beyond', () => {
  const sampler = createSampler({}, 4)
  const row = Float32Array.of(0, 2, 1, -1)
  expect(sampler.contested(row, 0, fresh, 0.49)).toBe(false)
  expect(sampler.contested(row, 0, fresh, 0.51)).toBe(true)
})

test('a draw is contested where the winner is near the cutoff of a filter', () => {
  const seeds = Array.from({ length: 50 }, (_, seed) => seed)
  const row = Float32Array.of(3, 0.01, 0, -5)
  const nearCutoff = seeds
    .map((seed) => createSampler({ temperature: 3, topK: 2, seed }, 4))
    .filter((sampler) => sampler.draw(row, 0, fresh) === 1)
  expect(nearCutoff.length).toBeGreaterThan(0)
  for (const sampler of nearCutoff) expect(sampler.contested(row, 0, fresh, 0.1)).toBe(true)
})
