import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PacelineError } from '../../errors.ts'
import { TokenHistory } from './history.ts'
import type { SamplingOptions } from './options.ts'
import { createSampler } from './sampler.ts'

type Settings = Required<Omit<SamplingOptions, 'seed' | 'logitBias'>> & { logitBias: Record<number, number> }

/** Every processor as its source states it, on plain arrays, one after the other. */
function literal(logits: ArrayLike<number>, options: Settings, prompt: number[], generated: number[]): number[] {
  const z = Array.from(logits)
  for (const token of new Set([...prompt, ...generated]))
    if (token < z.length)
      z[token] = z[token] < 0 ? z[token] * options.repetitionPenalty : z[token] / options.repetitionPenalty
  for (let token = 0; token < z.length; token++) {
    const count = generated.filter((other) => other === token).length
    z[token] -= count * options.frequencyPenalty + (count > 0 ? 1 : 0) * options.presencePenalty
    z[token] = Math.fround(z[token] + (options.logitBias[token] ?? 0))
  }
  const order = z.map((_, token) => token).sort((a, b) => z[b] - z[a] || a - b)
  if (options.temperature === 0) return z.map((_, token) => (token === order[0] ? 1 : 0))

  const softmax = (kept: number[]) => {
    const weights = z.map((logit, token) =>
      kept.includes(token) ? Math.exp((logit - z[order[0]]) / options.temperature) : 0,
    )
    const total = weights.reduce((a, b) => a + b)
    return weights.map((weight) => weight / total)
  }
  let kept = options.topK > 0 ? order.slice(0, options.topK) : order
  if (options.topP < 1) {
    const p = softmax(kept)
    let sum = 0
    let end = 0
    while (end < kept.length && sum < options.topP) sum += p[kept[end++]]
    kept = kept.slice(0, Math.max(end, 1))
  }
  const p = softmax(kept)
  kept = kept.filter((token) => p[token] >= options.minP * p[order[0]])
  return softmax(kept)
}

/** A logit after penalties and bias. */
function processedLogit(logits: Float32Array, options: Settings, generated: number[], token: number): number {
  let logit = logits[token]
  const count = generated.filter((other) => other === token).length
  if (count > 0) logit = logit < 0 ? logit * options.repetitionPenalty : logit / options.repetitionPenalty
  logit -= count * options.frequencyPenalty + (count > 0 ? 1 : 0) * options.presencePenalty
  return Math.fround(logit + (options.logitBias[token] ?? 0))
}

const size = 12
const token = fc.nat(size - 1)
const logits = fc
  .array(
    fc.oneof(
      fc.integer({ min: -20, max: 20 }).map((i) => i / 4),
      fc.constant(-Infinity),
    ),
    { minLength: size - 1, maxLength: size - 1 },
  )
  .map((values) => Float32Array.of(...values, 1))
const odd = fc.integer({ min: 0, max: 999 }).map((i) => (i + 0.37) / 1000)
const settings: fc.Arbitrary<Settings> = fc.record({
  temperature: fc.constantFrom(0, 0.25, 0.7, 1, 2),
  topK: fc.constantFrom(0, 1, 2, 5, 11, 12, 50),
  topP: fc.oneof(fc.constantFrom(0, 1), odd),
  minP: fc.oneof(fc.constantFrom(0, 1), odd),
  repetitionPenalty: fc.constantFrom(1, 1.25, 0.5),
  presencePenalty: fc.constantFrom(0, 0.5, -0.5),
  frequencyPenalty: fc.constantFrom(0, 0.25, -0.25),
  logitBias: fc
    .dictionary(token.map(String), fc.constantFrom(-100, -1, 2), { maxKeys: 3 })
    .map((bias) => ({ ...bias })),
})
const tokens = fc.array(fc.nat(size + 2), { maxLength: 8 })
const ranked = fc.record({
  logits,
  options: settings,
  generated: tokens,
  position: fc.nat(),
  seed: fc.maxSafeNat(),
  count: fc.integer({ min: 1, max: size + 2 }),
})

function historyOf(prompt: number[], generated: number[]): TokenHistory {
  const history = new TokenHistory(prompt)
  for (const token of generated) history.push(token)
  return history
}

describe('sampler', () => {
  it('processes logits exactly as the sources of each processor say', () => {
    fc.assert(
      fc.property(logits, settings, tokens, tokens, (logits, options, prompt, generated) => {
        const expected = literal(logits, options, prompt, generated)
        const actual = createSampler(options, size).distribution(logits, historyOf(prompt, generated))
        for (const [token, p] of expected.entries()) {
          expect(actual[token] > 0).toBe(Math.fround(p) > 0)
          expect(actual[token]).toBeCloseTo(p, 6)
        }
      }),
      { seed: 8, numRuns: 3000 },
    )
  })

  it('draws only tokens that its distribution contains, and leaves the logits alone', () => {
    fc.assert(
      fc.property(logits, settings, tokens, fc.nat(), fc.maxSafeNat(), (logits, options, generated, position, seed) => {
        const sampler = createSampler({ ...options, seed }, size)
        const history = historyOf([], generated)
        const copy = logits.slice()
        const p = sampler.distribution(logits, history)
        expect(p[sampler.draw(logits, position, history)]).toBeGreaterThan(0)
        expect(logits).toEqual(copy)
      }),
      { seed: 9, numRuns: 1000 },
    )
  })

  it('ranks its own draw first, then what it would draw without the ones before', () => {
    fc.assert(
      fc.property(ranked, ({ logits, options, generated, position, seed, count }) => {
        // A probability may be too small for a float, and its token is kept all the same.
        fc.pre(!Object.values(options.logitBias).includes(-100))
        const sampler = createSampler({ ...options, seed }, size)
        const history = historyOf([], generated)
        const { tokens, scores } = sampler.rank(logits, position, history, count)
        const p = sampler.distribution(logits, history)
        // What the filters keep stays kept when one of it is gone, so they are applied before anything is taken out.
        const alone = createSampler({ temperature: options.temperature, seed }, size)
        const left = Float32Array.from(p, (_, token) => processedLogit(logits, options, generated, token))
        const kept = options.temperature === 0 ? left : left.map((logit, token) => (p[token] > 0 ? logit : -Infinity))
        expect(tokens[0]).toBe(sampler.draw(logits, position, history))
        for (const [i, token] of tokens.entries()) {
          expect(alone.draw(kept, position, historyOf([], []))).toBe(token)
          kept[token] = -Infinity
          if (i > 0) expect(scores[i]).toBeLessThanOrEqual(scores[i - 1])
        }
        const rest = kept.filter((logit) => logit > -Infinity).length
        expect(tokens.length).toBe(Math.min(count, tokens.length + rest))
      }),
      { seed: 10, numRuns: 2000 },
    )
  })

  it('ranks some tokens as it ranks all where there are no others', () => {
    fc.assert(
      fc.property(ranked, fc.uniqueArray(fc.nat(size - 1), { minLength: 1 }), (ranked, among) => {
        const { logits, options, generated, position, seed, count } = ranked
        fc.pre(among.some((token) => logits[token] > -Infinity))
        const sampler = createSampler({ ...options, seed }, size)
        const history = historyOf([], generated)
        const alone = logits.map((logit, token) => (among.includes(token) ? logit : -Infinity))
        const everything = sampler.rank(alone, position, history, count)
        expect(sampler.rank(alone, position, history, count, among)).toEqual(everything)
      }),
      { seed: 10, numRuns: 2000 },
    )
  })

  it('gives the same token for the same seed and position, whatever was drawn before', () => {
    const options = { temperature: 1, repetitionPenalty: 1.1, seed: 5 }
    const row = (i: number) => Float32Array.from({ length: 100 }, (_, token) => Math.sin(token * (i + 1)))
    const history = new TokenHistory([1, 2])
    const positions = Array.from({ length: 200 }, (_, i) => i)
    const sampler = createSampler(options, 100)
    const forwards = positions.map((i) => sampler.draw(row(i), i, history))
    const backwards = positions.toReversed().map((i) => createSampler(options, 100).draw(row(i), i, history))
    expect(backwards.reverse()).toEqual(forwards)
    expect(new Set(forwards).size).toBeGreaterThan(30)
  })

  it('draws the same after a walk down a path and back', () => {
    const sampler = createSampler({ temperature: 1, presencePenalty: 2, frequencyPenalty: 1, seed: 6 }, size)
    const row = new Float32Array(size)
    const history = historyOf([], [0, 1, 1])
    const before = sampler.distribution(row, history)
    for (const token of [1, 2, 2]) history.push(token)
    expect(sampler.distribution(row, history)).not.toEqual(before)
    for (let i = 0; i < 3; i++) history.pop()
    expect(sampler.distribution(row, history)).toEqual(before)
  })

  it('is greedy exactly when nothing but the raw argmax matters', () => {
    expect(createSampler({}, size).greedy).toBe(true)
    expect(createSampler({ topK: 5, topP: 0.5, minP: 0.1, logitBias: {} }, size).greedy).toBe(true)
    for (const options of [
      { temperature: 0.1 },
      { repetitionPenalty: 1.1 },
      { presencePenalty: 0.1 },
      { frequencyPenalty: 0.1 },
      { logitBias: { 3: 1 } },
    ])
      expect(createSampler(options, size).greedy).toBe(false)
  })

  it('takes the lowest id among equally likely tokens at temperature 0', () => {
    const sampler = createSampler({ logitBias: { 5: 1 } }, 6)
    expect(sampler.draw(Float32Array.of(0, 3, 1, 3, 3, 2), 0, new TokenHistory([]))).toBe(1)
  })

  it('tells its seed, also when it chose it itself', () => {
    const first = createSampler({ temperature: 1 }, size)
    const second = createSampler({ temperature: 1, seed: first.settings.seed }, size)
    const draws = (sampler: typeof first) =>
      Array.from({ length: 50 }, (_, i) => sampler.draw(new Float32Array(size), i, new TokenHistory([])))
    expect(draws(second)).toEqual(draws(first))
  })

  it.each([
    ['NaN', [0, Number.NaN, 1], /NaN for token 1/],
    ['NaN first', [Number.NaN, 0, 1], /NaN for token 0/],
    ['only -Infinity', [-Infinity, -Infinity, -Infinity], /only -Infinity/],
    ['Infinity', [0, 0, Infinity], /Infinity for token 2/],
  ])('refuses logits that are no distribution: %s', (_, values, message) => {
    for (const options of [{}, { temperature: 1 }, { temperature: 1, topK: 2, topP: 0.5 }, { logitBias: { 0: 1 } }]) {
      const sampler = createSampler(options, 3)
      const draw = () => sampler.draw(Float32Array.from(values), 0, new TokenHistory([]))
      expect(draw).toThrow(PacelineError)
      expect(draw).toThrow(message)
      expect(() => sampler.distribution(Float32Array.from(values), new TokenHistory([]))).toThrow(message)
    }
  })

  it('refuses a row of another length', () => {
    expect(() => createSampler({}, 3).draw(new Float32Array(4), 0, new TokenHistory([]))).toThrow(/3 .*got 4/)
  })
})
