import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { chain, type Drafter } from '../../decoding/index.ts'
import { begun } from '../../decoding/tiny.ts'
import type { TargetModel } from '../../model/index.ts'
import { none } from '../none.ts'
import { hashed, play, run, tinyPair, tokensOf, written } from '../tiny.ts'
import { lookahead } from './lookahead.ts'

const prompt = [5, 9, 2, 33, 5, 9, 2]
const anySizes = fc.record({
  window: fc.integer({ min: 1, max: 6 }),
  ngram: fc.integer({ min: 2, max: 5 }),
  guesses: fc.integer({ min: 1, max: 5 }),
  fromText: fc.boolean(),
})

let target: TargetModel
beforeAll(async () => {
  target = (await tinyPair()).target
})

describe('whatever W, N and G', () => {
  test('the text is that of plain decoding, in no more passes and within the budget', async () => {
    await fc.assert(
      fc.asyncProperty(anySizes, fc.nat(1e6), fc.integer({ min: 1, max: 64 }), async (sizes, seed, maxRows) => {
        const next = hashed(2, seed)
        const steps = await play(next, lookahead(sizes), prompt, 60, maxRows)
        expect(steps.flatMap(({ emitted }) => emitted)).toEqual(written(next, prompt, 60))
        expect(steps.length).toBeLessThanOrEqual(60)
        const { window, ngram, guesses } = sizes
        const most = Math.min(maxRows, (window + guesses) * (ngram - 1))
        for (const { draft, emitted } of steps) {
          expect(draft.tree.size + (draft.riders?.tokens.length ?? 0)).toBeLessThanOrEqual(Math.max(1, most))
          expect(draft.tree.depth).toBeLessThan(ngram)
          expect(emitted.length).toBeLessThanOrEqual(ngram)
        }
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  test('so it is with a model, greedy and sampled', async () => {
    const greedy = tokensOf(await run(target, none(), prompt, { maxTokens: 24 }))
    const sampling = { temperature: 1, seed: 4 }
    const sampled = tokensOf(await run(target, none(), prompt, { maxTokens: 24, sampling }))
    await fc.assert(
      fc.asyncProperty(anySizes, async (sizes) => {
        expect(tokensOf(await run(target, lookahead(sizes), prompt, { maxTokens: 24 }))).toEqual(greedy)
        expect(tokensOf(await run(target, lookahead(sizes), prompt, { maxTokens: 24, sampling }))).toEqual(sampled)
      }),
      { seed: 2, numRuns: 5 },
    )
  })
})

test('the window alone finds what the target will write', async () => {
  // One long cycle: no token of the text comes again, but the columns walk through stretches that are still to come.
  const next = (text: readonly number[]) => (text[text.length - 1] + 1) % 1000
  const far = [0, 40, 80, 120, 1]
  const steps = await play(next, lookahead({ window: 4, ngram: 4, guesses: 2, fromText: false }), far, 150)
  expect(steps.flatMap(({ emitted }) => emitted)).toEqual(written(next, far, 150))
  expect(steps.length).toBeLessThan(100)
  expect(Math.max(...steps.map(({ emitted }) => emitted.length))).toBe(4)
})

test('at a temperature the window holds draws of the positions that it stands for', async () => {
  // So hot that the noise alone decides: n-grams of draws of other positions would be right one time in 64.
  const sampling = { temperature: 1e6, seed: 3 }
  const drafter = lookahead({ window: 6, ngram: 3, guesses: 4, fromText: false })
  const steps = await run(target, drafter, prompt, { sampling, maxTokens: 60 })
  expect(steps.length).toBeLessThan(50)
})

test('finds in prompt and text what came before', async () => {
  const next = (text: readonly number[]) => [1, 2, 3, 4, 5, 6][text.length % 6]
  const passes = async (fromText: boolean) =>
    (await play(next, lookahead({ window: 1, ngram: 4, guesses: 1, fromText }), written(next, [], 12), 16)).length
  expect(await passes(true)).toBe(4)
  expect(await passes(false)).toBeGreaterThan(4)
})

test('with fewer rows there are fewer n-grams, then fewer columns, then a shorter n-gram', async () => {
  // Three n-grams behind 1.
  const text = [1, 2, 3, 1, 4, 5, 1, 6, 7, 1]
  const sizes = async (rows: number) => {
    const drafter = lookahead({ window: 3, ngram: 3, guesses: 3 })
    await drafter.start(begun(text))
    const { tree, riders } = await drafter.propose(1, { rows })
    return [tree.size - 1, riders?.tokens.length ?? 0]
  }
  expect(await sizes(64)).toEqual([6, 5])
  expect(await sizes(12)).toEqual([6, 5])
  expect(await sizes(10)).toEqual([4, 5])
  expect(await sizes(8)).toEqual([2, 5])
  expect(await sizes(7)).toEqual([3, 3])
  expect(await sizes(6)).toEqual([2, 3])
  expect(await sizes(4)).toEqual([2, 1])
  expect(await sizes(3)).toEqual([2, 0])
  expect(await sizes(2)).toEqual([1, 0])
  expect(await sizes(1)).toEqual([0, 0])
})

test('a rider is never emitted, be it right', async () => {
  const truth = tokensOf(await run(target, none(), prompt, { maxTokens: 12 }))
  let done = 0
  const drafter: Drafter = {
    name: 'riders only',
    start() {},
    propose(root, { rows }) {
      const tokens = Int32Array.from(truth.slice(done, done + Math.min(4, rows - 1)))
      return { tree: chain(root), riders: { tokens, parents: tokens.map((_, i) => i) } }
    },
    observe({ emitted }) {
      done += emitted.length
    },
  }
  const steps = await run(target, drafter, prompt, { maxTokens: 12 })
  expect(steps.map(({ tokens, accepted }) => [...tokens, accepted])).toEqual(truth.map((token) => [token, 0]))
})

test.each([
  [{ window: 0, ngram: 3, guesses: 4 }, 'lookahead: window is 0, expected an integer of at least 1'],
  [{ window: 4, ngram: 1, guesses: 4 }, 'lookahead: ngram is 1, expected an integer of at least 2'],
  [{ window: 4, ngram: 3, guesses: 0.5 }, 'lookahead: guesses is 0.5, expected an integer of at least 1'],
])('%o is an error of code argument', (options, message) => {
  expect(() => lookahead(options)).toThrow(expect.objectContaining({ code: 'argument', message }))
})
