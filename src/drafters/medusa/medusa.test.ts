import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { createSampler, type Draft, type Prefilled, TokenHistory } from '../../decoding/index.ts'
import { begun } from '../../decoding/tiny.ts'
import type { MedusaModel, TargetModel } from '../../model/index.ts'
import { none } from '../none.ts'
import { run, tinyPair, tinyTarget, tokensOf } from '../tiny.ts'
import type { ShapeNode } from '../trees/shape.ts'
import { medusa } from './medusa.ts'
import { tinyMedusa } from './tiny.ts'
import { expectedTree, type MedusaTree } from './trees.ts'

const prompt = [5, 9, 2, 33, 5, 9, 2]
let target: TargetModel
let heads: MedusaModel
beforeAll(async () => {
  ;({ target } = await tinyPair())
  heads = await tinyMedusa(target, tinyTarget().source)
})

/** States of the prompt but its last token, as the target has them. */
async function statesOf(tokens: readonly number[]): Promise<Float32Array> {
  const text = target.createTarget()
  const rows = Int32Array.from(tokens)
  const { features } = await text.forward({ tokens: rows, parents: rows.map((_, i) => i - 1) }, { features: true })
  text.dispose()
  return features!
}

async function proposed(tree: MedusaTree, more: Partial<Prefilled> = {}, model = heads): Promise<Draft> {
  const drafter = medusa('medusa', model, tree)
  await drafter.start({ ...begun(prompt), states: await statesOf(prompt.slice(0, -1)), ...more })
  return drafter.propose(2, { rows: 64 })
}

/** The root; two children; two of the first one, one of the second; one more behind the first of these. */
const shape: readonly ShapeNode[] = [
  { parent: -1, rank: 0, depth: 0 },
  { parent: 0, rank: 0, depth: 1 },
  { parent: 0, rank: 1, depth: 1 },
  { parent: 1, rank: 0, depth: 2 },
  { parent: 1, rank: 1, depth: 2 },
  { parent: 2, rank: 0, depth: 2 },
  { parent: 3, rank: 2, depth: 3 },
]
const fixed: MedusaTree = { choose: () => shape }

test('children at a depth are the likeliest tokens of its head, whatever their parents are', async () => {
  const feature = (await statesOf(prompt.slice(0, -1))).slice(-32)
  const { top } = await heads.forward(feature, ['top'])
  const of = (head: number, rank: number) => top!.tokens[(head - 1) * heads.top + rank]
  const { tree, proposal, forwards } = await proposed(fixed)
  expect([...tree.tokens]).toEqual([2, of(1, 0), of(1, 1), of(2, 0), of(2, 1), of(2, 0), of(3, 2)])
  expect([...tree.parents]).toEqual([-1, 0, 0, 1, 1, 2, 3])
  expect(proposal).toBeUndefined()
  expect(forwards).toBe(1)
})

test('at a temperature they are the tokens nearest to being drawn with the noise of their position', async () => {
  const sampling = { temperature: 0.8, topK: 30, seed: 12 }
  const sampler = createSampler(sampling, 64)
  const feature = (await statesOf(prompt.slice(0, -1))).slice(-32)
  const { logits } = await heads.forward(feature, ['logits'])
  const ranks = [0, 1, 2].map(
    (head) => sampler.rank(logits!.subarray(64 * head, 64 * head + 64), head, new TokenHistory(prompt), 3).tokens,
  )
  const { tree } = await proposed(fixed, { sampler: createSampler(sampling, 64) })
  expect([...tree.tokens]).toEqual([
    ...[2, ranks[0][0], ranks[0][1]],
    ...[ranks[1][0], ranks[1][1], ranks[1][0], ranks[2][2]],
  ])
})

test('under rejection they are guesses without chance', async () => {
  const greedy = await proposed(fixed)
  const draft = await proposed(fixed, { sampler: createSampler({ temperature: 1, seed: 3 }, 64), rule: 'rejection' })
  expect(draft.proposal).toBeUndefined()
  expect([...draft.tree.tokens]).toEqual([...greedy.tree.tokens])
})

test('what heads that know few tokens have no guess for is left out, with what stands behind it', async () => {
  const few = await tinyMedusa(target, tinyTarget().source, { targetIds: Int32Array.of(40, 7) })
  const { tree } = await proposed(fixed, {}, few)
  expect([...tree.parents]).toEqual([-1, 0, 0, 1, 1, 2])
  expect([...tree.tokens].slice(1).every((token) => token === 40 || token === 7)).toBe(true)
  // Fewer children than the tree has: nothing hangs in the air.
  const one = await tinyMedusa(target, tinyTarget().source, { targetIds: Int32Array.of(9) })
  expect([...(await proposed(fixed, {}, one)).tree.tokens]).toEqual([2, 9, 9])
})

test('a text of one token has no state to go on from: the first guesses come in the second step', async () => {
  const drafter = medusa('medusa', heads, expectedTree(3))
  const steps = await run(target, drafter, [3])
  expect(steps[0].depth).toBe(0)
  expect(steps[1].rows).toBeGreaterThan(1)
  expect(tokensOf(steps)).toEqual(tokensOf(await run(target, none(), [3])))
})

test('after any steps a tree is that of a drafter begun anew', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(63), { minLength: 2, maxLength: 6 }),
      fc.array(fc.array(fc.nat(63), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
      async (prompt, emissions) => {
        const drafter = medusa('medusa', heads, fixed)
        let text = [...prompt]
        await drafter.start({ ...begun(text), states: await statesOf(text.slice(0, -1)) })
        for (const emitted of emissions) {
          await drafter.propose(text[text.length - 1], { rows: 1 + (emitted[0] % 9) })
          const states = (await statesOf([...text, ...emitted.slice(0, -1)])).slice(32 * (text.length - 1))
          await drafter.observe({ path: [0], bonus: emitted.at(-1)!, emitted, states, draw: () => 0 })
          text = [...text, ...emitted]
        }
        const fresh = medusa('medusa', heads, fixed)
        await fresh.start({ ...begun(text), states: await statesOf(text.slice(0, -1)) })
        const root = text[text.length - 1]
        const [a, b] = [await drafter.propose(root, { rows: 9 }), await fresh.propose(root, { rows: 9 })]
        expect([...a.tree.tokens]).toEqual([...b.tree.tokens])
      },
    ),
    { seed: 6, numRuns: 10 },
  )
})

describe('a tree learns', () => {
  const heard: (readonly number[])[] = []
  const listening: MedusaTree = { choose: () => shape.slice(0, 2), observe: (ranks) => heard.push(ranks) }

  test('the rank that each emitted token had with its head, also below the tree', async () => {
    const feature = (await statesOf(prompt.slice(0, -1))).slice(-32)
    const { top } = await heads.forward(feature, ['top'])
    const of = (head: number, rank: number) => top!.tokens[(head - 1) * heads.top + rank]
    const told = new Set(top!.tokens.subarray(2 * heads.top, 3 * heads.top))
    const unheard = Array.from({ length: 64 }, (_, token) => token).find((token) => !told.has(token))!
    const emitted = [of(1, 0), of(2, 4), unheard, 1]
    const drafter = medusa('medusa', heads, listening)
    await drafter.start({ ...begun(prompt), states: await statesOf(prompt.slice(0, -1)) })
    await drafter.propose(2, { rows: 64 })
    const states = new Float32Array(4 * 32)
    await drafter.observe({ path: [0, 1, 2, 3], bonus: 1, emitted, states, draw: () => 0 })
    expect(heard.at(-1)).toEqual([0, 4, -1])
  })

  test('nothing of a step in which no head was asked', async () => {
    const drafter = medusa('medusa', heads, listening)
    await drafter.start({ ...begun(prompt), states: await statesOf(prompt.slice(0, -1)) })
    await drafter.propose(2, { rows: 1 })
    await drafter.observe({ path: [0], bonus: 1, emitted: [1], states: new Float32Array(32), draw: () => 0 })
    expect(heard.at(-1)).toEqual([])
  })
})
