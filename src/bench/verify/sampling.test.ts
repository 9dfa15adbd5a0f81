import { beforeAll, describe, expect, test } from 'vitest'
import { chain, type Drafter, type Sampler, TokenHistory } from '../../decoding/index.ts'
import { tinyBita } from '../../drafters/bita/tiny.ts'
import { bita, comb, promptLookup } from '../../drafters/index.ts'
import { tinyPair } from '../../drafters/tiny.ts'
import type { TargetModel } from '../../model/index.ts'
import { chooseExecutor } from '../../runtime/index.ts'
import { breadthOf, judgeSampling, testSampling } from './sampling.ts'

const context = [5, 9, 2, 33, 5, 9]
const samples = 1500

let target: TargetModel
beforeAll(async () => {
  target = (await tinyPair(chooseExecutor({ threads: 1 }).executor)).target
})

/** Guesses one token at a time, drawn from a distribution of its own, and claims that it was drawn from another one. */
function drawing(claims: (q: Float32Array) => Float32Array): Drafter {
  const logits = Float32Array.from({ length: 64 }, (_, token) => ((token * 29) % 64) / 16)
  const nothing = new TokenHistory([])
  let sampler: Sampler
  let position = 0
  return {
    name: 'drawing',
    start(prefilled) {
      sampler = prefilled.sampler
      position = 0
    },
    propose: (root, { rows }) => {
      if (rows < 2) return { tree: chain(root) }
      const tree = chain(root, [sampler.draw(logits, position, nothing)])
      return { tree, proposal: [claims(sampler.distribution(logits, nothing))] }
    },
    observe({ emitted }) {
      position += emitted.length
    },
  }
}

describe('first tokens drawn by rejection', () => {
  test('pass with guesses that were drawn from what their drafter says', async () => {
    const { first, pair, guessed } = await testSampling(
      target,
      drawing((q) => q),
      context,
      { samples, seed: 1 },
    )
    expect(guessed).toBe(samples)
    expect(first.degrees).toBeGreaterThan(4)
    expect(pair.degrees).toBeGreaterThan(first.degrees)
    for (const { p } of [first, pair]) expect(p).toBeGreaterThan(1e-4)
  })

  test('fail with a drafter that lies about what it drew from', async () => {
    const uniform = (q: Float32Array) => q.map(() => 1 / q.length)
    const { first, pair } = await testSampling(target, drawing(uniform), context, { samples, seed: 1 })
    for (const { p } of [first, pair]) expect(p).toBeLessThan(1e-6)
  })

  test('pass with guesses without chance', async () => {
    const { first, pair, guessed } = await testSampling(target, promptLookup(), context, { samples, seed: 7 })
    expect(guessed).toBe(samples)
    for (const { p } of [first, pair]) expect(p).toBeGreaterThan(1e-4)
  })

  test('pass with riders that have learned something, which tell no guess of the first token', async () => {
    const masks = bita('bita', { riders: tinyBita(target.spec).riders, vocabSize: 64, top: target.top }, comb(3))
    const { first, pair, guessed } = await testSampling(target, masks, context, { samples: 300, seed: 7 })
    expect(guessed).toBe(0)
    for (const { p } of [first, pair]) expect(p).toBeGreaterThan(1e-4)
  })

  test('are drawn with other seeds from another seed on, progress rises, and an abort throws its reason', async () => {
    const shares: number[] = []
    const onProgress = (share: number) => shares.push(share)
    const one = await testSampling(target, promptLookup(), context, { samples: 50, seed: 1, onProgress })
    const other = await testSampling(target, promptLookup(), context, { samples: 50, seed: 1001 })
    expect(one.first.statistic).not.toBe(other.first.statistic)
    expect(shares).toEqual(Array.from({ length: 50 }, (_, i) => (i + 1) / 50))
    const reason = new Error('enough')
    const aborted = { samples: 1, seed: 1, signal: AbortSignal.abort(reason) }
    await expect(testSampling(target, promptLookup(), context, aborted)).rejects.toBe(reason)
  })
})

test('tests are judged together: the more there are, the less likely each may be', () => {
  const passed = (...ps: number[]) => judgeSampling(ps.map((p) => ({ p }))).map((test) => test.passed)
  expect(passed(0.9e-6)).toEqual([false])
  expect(passed(1.1e-6)).toEqual([true])
  expect(passed(0.6e-6, 1)).toEqual([true, true])
  expect(passed(0.4e-6, 1)).toEqual([false, true])
  expect(passed()).toEqual([])
})

test('the breadth of a distribution is how many tokens are expected five times', () => {
  const logits = Float32Array.of(0.5, 0.25, 0.24, 0.01).map(Math.log)
  expect(breadthOf(logits, 1000)).toBe(4)
  expect(breadthOf(logits, 100)).toBe(3)
  expect(breadthOf(logits, 20.5)).toBe(2)
  expect(breadthOf(logits, 4)).toBe(0)
})
