import { describe, expect, it } from 'vitest'
import { fits, tally } from '../exactness/fit.ts'
import { gumbelNoise } from './gumbel.ts'
import { TokenHistory } from './history.ts'
import type { SamplingOptions } from './options.ts'
import { createSampler } from './sampler.ts'

const nothing = new TokenHistory([])
const small = Float32Array.of(2, 1, 0.5, 0, -0.5, -1, -3, 1)
/** Four blocks of noise, the last one short. */
const large = Float32Array.from({ length: 200 }, (_, i) => ((i * 37) % 200) / 40)

describe('draws over output positions follow distribution()', () => {
  const cases: [string, Float32Array, SamplingOptions][] = [
    ['temperature 1', small, { temperature: 1 }],
    ['temperature 0.5', small, { temperature: 0.5 }],
    ['temperature 2, several blocks', large, { temperature: 2 }],
    ['top-k', small, { temperature: 1, topK: 3 }],
    ['top-p', small, { temperature: 1.5, topP: 0.8 }],
    ['min-p, several blocks', large, { temperature: 1, minP: 0.3 }],
    [
      'all filters, penalties and bias',
      small,
      { temperature: 1, topK: 6, topP: 0.95, minP: 0.05, repetitionPenalty: 1.3, logitBias: { 6: 3 } },
    ],
  ]
  it.each(cases)('%s', (_, logits, options) => {
    const sampler = createSampler({ ...options, seed: 11 }, logits.length)
    const history = new TokenHistory([0, 1])
    const observed = tally(logits.length, 40_000, (i) => sampler.draw(logits, i, history))
    expect(fits(observed, sampler.distribution(logits, history))).toBe(true)
  })

  it('and over seeds at one position', () => {
    const expected = createSampler({ temperature: 1 }, small.length).distribution(small, nothing)
    const observed = tally(small.length, 20_000, (seed) =>
      createSampler({ temperature: 1, seed }, small.length).draw(small, 3, nothing),
    )
    expect(fits(observed, expected)).toBe(true)
  })

  it('while a temperature that is off by a tenth is found out', () => {
    const sampler = createSampler({ temperature: 1, seed: 11 }, small.length)
    const observed = tally(small.length, 40_000, (i) => sampler.draw(small, i, nothing))
    const other = createSampler({ temperature: 1.1 }, small.length).distribution(small, nothing)
    expect(fits(observed, other)).toBe(false)
  })
})

describe('the noise', () => {
  it('of neighbouring positions is independent', () => {
    const sampler = createSampler({ temperature: 1, seed: 12 }, 8)
    const p = sampler.distribution(small, nothing)
    const pairs = tally(
      64,
      30_000,
      (i) => 8 * sampler.draw(small, 2 * i, nothing) + sampler.draw(small, 2 * i + 1, nothing),
    )
    expect(
      fits(
        pairs,
        Array.from({ length: 64 }, (_, i) => p[i >> 3] * p[i & 7]),
      ),
    ).toBe(true)
  })

  it.each([
    ['one block', [0, 1, 2, 63]],
    ['different blocks', [5, 64, 129, 700]],
  ])('of tokens of %s is independent: their order follows Plackett and Luce', (_, tokens) => {
    const weights = [0.4, 0.3, 0.2, 0.1]
    const orders = permutations([0, 1, 2, 3])
    const names = orders.map(String)
    const chance = orders.map((order) => {
      let left = 1
      return order.reduce((product, i) => {
        const next = (product * weights[i]) / left
        left -= weights[i]
        return next
      }, 1)
    })
    const observed = tally(24, 40_000, (position) => {
      const score = weights.map((weight, i) => Math.log(weight) + gumbelNoise(13, position, tokens[i]))
      return names.indexOf(String([0, 1, 2, 3].sort((a, b) => score[b] - score[a])))
    })
    expect(fits(observed, chance)).toBe(true)
  })

  it('has the standard Gumbel distribution', () => {
    // exp(-exp(-g)) is uniform; so it must be among the champions of the blocks and all others taken together.
    const observed = tally(50, 100_000, (i) => Math.floor(50 * Math.exp(-Math.exp(-gumbelNoise(14, i & 7, i >> 3)))))
    expect(fits(observed, new Array(50).fill(1 / 50))).toBe(true)
  })
})

function permutations(items: number[]): number[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]))
}
