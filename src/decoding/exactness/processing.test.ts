import { expect, test } from 'vitest'
import { createSampler, TokenHistory } from '../sampling/index.ts'
import { fraction, toFloat } from './fraction.ts'
import { type Processing, processed } from './processing.ts'
import { toyPairs } from './toy-models.ts'

const ways: [string, Processing][] = [
  ['as they are', {}],
  ['temperature 1/2', { sharpness: 2 }],
  ['temperature 1/3, top-k 2', { sharpness: 3, topK: 2 }],
  ['top-k 1', { topK: 1 }],
  // Of no sum of small weights: the sampler's floats need not tell 0.77 from itself.
  ['top-p', { topP: fraction(773, 1000) }],
  ['temperature 1/2, top-k 3, top-p', { sharpness: 2, topK: 3, topP: fraction(619, 1000) }],
]

test.each(ways)('fractions are processed as the sampler processes floats: %s', (_, processing) => {
  const { sharpness = 1, topK = 0, topP = fraction(1) } = processing
  for (const { vocabSize, target, drafter } of [2, 3, 4].flatMap((size) => toyPairs(size, 1))) {
    const sampler = createSampler({ temperature: 1 / sharpness, topK, topP: toFloat(topP) }, vocabSize)
    for (const weights of [target, drafter].flatMap((model) => [[], [0], [1], [1, 0], [1, 1]].map(model))) {
      const exact = processed(weights, processing)
      const actual = sampler.distribution(Float32Array.from(weights, Math.log), new TokenHistory([]))
      expect(Array.from(actual, (p) => p > 0)).toEqual(exact.map(toFloat).map((p) => p > 0))
      for (const [token, p] of exact.entries()) expect(Math.abs(actual[token] - toFloat(p))).toBeLessThan(1e-6)
    }
  }
})
