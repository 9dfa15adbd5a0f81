import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  createSampler,
  type Draft,
  type Drafter,
  type Prefilled,
  TokenHistory,
  type Verdict,
} from '../../decoding/index.ts'
import { begun } from '../../decoding/tiny.ts'
import type { TargetModel } from '../../model/index.ts'
import { none } from '../none.ts'
import { run, tinyPair, tokensOf } from '../tiny.ts'
import { type BitaModel, bita } from './bita.ts'
import { tinyBita } from './tiny.ts'
import { type BitaShape, type BitaTree, comb, cut } from './trees.ts'

const prompt = [5, 9, 2, 33, 5, 9, 2]
const vocabSize = 64
let target: TargetModel
let model: BitaModel
beforeAll(async () => {
  ;({ target } = await tinyPair())
  model = { ...tinyBita(target.spec), vocabSize, top: target.top }
})

/** The root; two children; one of the first one. Two masks behind the root, three behind the last node. */
const shape: BitaShape = {
  nodes: [
    { parent: -1, rank: 0, depth: 0 },
    { parent: 0, rank: 0, depth: 1 },
    { parent: 0, rank: 1, depth: 1 },
    { parent: 1, rank: 2, depth: 2 },
  ],
  masks: [2, 0, 1, 3],
}
const fixed: BitaTree = {
  choose: (levels) => ({ ...shape, nodes: shape.nodes.filter(({ depth }) => depth <= levels) }),
}

/** One step of a target that answers masks with tables: row r of them finds 10 r, 10 r + 1 .. likeliest. */
async function step(drafter: Drafter, draft: Draft, path: readonly number[], bonus: number): Promise<number[]> {
  const asked: number[] = []
  const emitted = [...path.slice(1).map((row) => draft.tree.tokens[row]), bonus]
  const riders: Verdict['riders'] = async (rows) => {
    asked.push(...rows)
    const tokens = rows.flatMap((_, i) => Array.from({ length: target.top }, (_, rank) => 10 * (i + 1) + rank))
    const logProbabilities = Float32Array.from(tokens, (_, i) => -(i % target.top))
    return { top: { tokens: Int32Array.from(tokens), logProbabilities } }
  }
  await drafter.observe({ path, bonus, emitted, draw: () => 0, riders })
  return asked
}

async function begin(tree: BitaTree, more: Partial<Prefilled> = {}): Promise<Drafter> {
  const drafter = bita('bita', model, tree)
  await drafter.start({ ...begun(prompt), ...more })
  return drafter
}

test('the first step guesses nothing; masks of the row where the text ends make the guesses of the next', async () => {
  const drafter = await begin(fixed)
  const first = await drafter.propose(2, { rows: 64 })
  expect([...first.tree.tokens]).toEqual([2])
  expect([...first.riders!.tokens]).toEqual([64, 65])
  expect([...first.riders!.parents]).toEqual([0, 1])
  expect(await step(drafter, first, [0], 7)).toEqual([1, 2])

  const second = await drafter.propose(7, { rows: 64 })
  expect([...second.tree.tokens]).toEqual([7, 10, 11, 22])
  expect([...second.tree.parents]).toEqual([-1, 0, 0, 1])
  // Behind the root, the second child, and the last node.
  expect([...second.riders!.tokens]).toEqual([64, 65, 64, 64, 65, 66])
  expect([...second.riders!.parents]).toEqual([0, 4, 2, 3, 7, 8])
  expect(second.proposal).toBeUndefined()
  expect(second.forwards).toBeUndefined()
  expect(await step(drafter, second, [0, 1, 3], 8)).toEqual([7, 8, 9])
  expect((await drafter.propose(8, { rows: 64 })).tree.size).toBe(4)
})

test('where the text ends at a row without masks, nothing is asked and nothing guessed', async () => {
  const drafter = await begin(fixed)
  await step(drafter, await drafter.propose(2, { rows: 64 }), [0], 7)
  const draft = await drafter.propose(7, { rows: 64 })
  expect(await step(drafter, draft, [0, 1], 3)).toEqual([])
  expect((await drafter.propose(3, { rows: 64 })).tree.size).toBe(1)
})

test('at a temperature guesses are the tokens nearest to being drawn with the noise of their position', async () => {
  const sampling = { temperature: 5, seed: 12 }
  const drafter = await begin(fixed, { sampler: createSampler(sampling, vocabSize) })
  await step(drafter, await drafter.propose(2, { rows: 64 }), [0], 7)
  const { tree } = await drafter.propose(7, { rows: 64 })
  const sampler = createSampler(sampling, vocabSize)
  const ranked = [10, 20].map((from, level) => {
    const logits = new Float32Array(vocabSize).fill(-Infinity)
    for (let rank = 0; rank < target.top; rank++) logits[from + rank] = -rank
    // Position 0 is that of the bonus token, which is decided.
    return sampler.rank(logits, 1 + level, new TokenHistory(prompt), 3).tokens
  })
  expect([...tree.tokens]).toEqual([7, ranked[0][0], ranked[0][1], ranked[1][2]])
})

test('under rejection they are guesses without chance', async () => {
  const drafter = await begin(fixed, { sampler: createSampler({ temperature: 1, seed: 3 }, 64), rule: 'rejection' })
  await step(drafter, await drafter.propose(2, { rows: 64 }), [0], 7)
  const { tree, proposal } = await drafter.propose(7, { rows: 64 })
  expect([...tree.tokens]).toEqual([7, 10, 11, 22])
  expect(proposal).toBeUndefined()
})

test('a tree learns the rank of each emitted token among the guesses there were', async () => {
  const heard: (readonly number[])[] = []
  const drafter = await begin({ ...fixed, observe: (ranks) => heard.push(ranks) })
  await step(drafter, await drafter.propose(2, { rows: 64 }), [0], 7)
  const draft = await drafter.propose(7, { rows: 64 })
  await step(drafter, draft, [0, 2], 24)
  await step(drafter, await drafter.propose(24, { rows: 64 }), [0], 63)
  // Two levels were told at first, then one; 63 is no guess.
  expect(heard).toEqual([[], [1, 4], [-1]])
})

describe('of a whole model', () => {
  test('a pass a step, and the text of plain decoding', async () => {
    const steps = await run(target, bita('bita', model, comb(3)), prompt)
    expect(steps.every(({ forwards, draftForwards }) => forwards === 1 && draftForwards === 0)).toBe(true)
    expect(steps[0].rows).toBe(4)
    expect(steps[1].rows).toBeGreaterThan(12)
    expect(tokensOf(steps)).toEqual(tokensOf(await run(target, none(), prompt)))
  })

  test('masks tell what a pass of the same rows says, however the text was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(63), { minLength: 1, maxLength: 5 }), async (text) => {
        const told: number[][] = []
        const tree: BitaTree = {
          choose: (_, rows) => cut({ nodes: [{ parent: -1, rank: 0, depth: 0 }], masks: [3] }, rows),
        }
        const inner = bita('bita', model, tree)
        const listening: Drafter = {
          ...inner,
          observe: (verdict) =>
            inner.observe({
              ...verdict,
              async riders(rows, wanted) {
                const outputs = await verdict.riders!(rows, wanted)
                told.push([...outputs.top!.tokens])
                return outputs
              },
            }),
        }
        const steps = await run(target, listening, text, { maxTokens: 6 })
        const written = [...text, ...tokensOf(steps)]
        const fresh = target.createTarget()
        fresh.setRiders(model.riders)
        const rows = [...written.slice(0, text.length + 1), 64, 65, 66]
        const { top } = await fresh.forward(
          {
            tokens: Int32Array.from(rows),
            parents: Int32Array.from(rows, (_, i) => i - 1),
            ridersFrom: rows.length - 3,
          },
          { head: 'top', headRows: [rows.length - 3, rows.length - 2, rows.length - 1] },
        )
        expect(told[1]).toEqual([...top!.tokens])
      }),
      { seed: 5, numRuns: 5 },
    )
  })
})
