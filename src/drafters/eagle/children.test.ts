import { beforeAll, expect, test } from 'vitest'
import { type Draft, type Prefilled, TokenHistory } from '../../decoding/index.ts'
import { begun } from '../../decoding/tiny.ts'
import type { EagleHeadModel, TargetModel } from '../../model/index.ts'
import { tinyPair, tinyTarget } from '../tiny.ts'
import { eagle } from './eagle.ts'
import { staticGrowth } from './static-growth.ts'
import { publishedPaths, shapeOf } from './static-tree.ts'
import { tinyHead, tinyStates } from './tiny.ts'

const prompt = [5, 9, 2, 33, 5, 9, 2]
let target: TargetModel
let head: EagleHeadModel
beforeAll(async () => {
  ;({ target } = await tinyPair())
  head = await tinyHead('eagle', target, tinyTarget().source)
})

const sampling = { temperature: 0.8, topK: 30, frequencyPenalty: 1, seed: 12 }

/** Logits of the head after the root and each path of guesses, from passes over all of it. */
async function logitsAfter(path: readonly number[]): Promise<Float32Array> {
  const text = head.createText()
  const states = await tinyStates('eagle', target, prompt.slice(0, -1))
  const tokens = Int32Array.from(prompt.slice(1))
  const pass = { tokens, states: await text.stateOf(states), parents: tokens.map((_, i) => i - 1) }
  let outputs = await text.forward(pass, ['logits'])
  text.commit(tokens.map((_, i) => i))
  for (const token of path) {
    const state = outputs.states.slice(-32)
    outputs = await text.forward({ tokens: Int32Array.of(token), states: state, parents: Int32Array.of(-1) }, [
      'logits',
    ])
    text.commit([0])
  }
  text.dispose()
  return outputs.logits!.slice(-64)
}

async function proposed(more: Partial<Prefilled>): Promise<Draft> {
  const drafter = eagle('eagle', head, staticGrowth(shapeOf(publishedPaths), 8))
  const states = await tinyStates('eagle', target, prompt.slice(0, -1))
  await drafter.start({ ...begun(prompt), states, ...more })
  return drafter.propose(2, { rows: 20 })
}

function historyOf(path: readonly number[]): TokenHistory {
  const history = new TokenHistory(prompt)
  for (const token of path) history.push(token)
  return history
}

const pathTo = ({ tree }: Draft, row: number): number[] =>
  row === 0 ? [] : [...pathTo({ tree }, tree.parents[row]), tree.tokens[row]]

test('children are what is nearest to being drawn with the noise of its position, penalties of its own path included', async () => {
  const { sampler } = begun(prompt, sampling)
  const draft = await proposed({ sampler })
  expect(draft.proposal).toBeUndefined()
  for (const row of draft.tree.tokens.keys()) {
    const children = [...draft.tree.children(row)].map((child) => draft.tree.tokens[child])
    const path = pathTo(draft, row)
    const { tokens } = sampler.rank(await logitsAfter(path), path.length, historyOf(path), children.length || 1)
    if (children.length > 0) expect(children).toEqual(tokens)
  }
})

test('under rejection children are drawn from the distribution that it says, with noise that no other node had', async () => {
  const { sampler } = begun(prompt, sampling)
  const positions: number[] = []
  const watched = {
    ...sampler,
    rank: (...[logits, position, history, count]: Parameters<typeof sampler.rank>) => {
      positions.push(position)
      return sampler.rank(logits, position, history, count)
    },
  }
  const draft = await proposed({ sampler: watched, rule: 'rejection' })
  expect(positions).toEqual(positions.map((_, i) => i))
  for (const row of draft.tree.tokens.keys()) {
    const children = [...draft.tree.children(row)]
    if (children.length === 0) continue
    const path = pathTo(draft, row)
    const expected = sampler.distribution(await logitsAfter(path), historyOf(path))
    for (const [token, p] of expected.entries()) expect(draft.proposal![row]![token]).toBeCloseTo(p, 5)
    for (const child of children) expect(expected[draft.tree.tokens[child]]).toBeGreaterThan(0)
  }
})

test('greedy children are the likeliest tokens, also under rejection where they are not drawn', async () => {
  for (const more of [{}, { rule: 'rejection' as const }]) {
    const draft = await proposed(more)
    expect(draft.proposal).toBeUndefined()
    const logits = await logitsAfter([])
    const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a])
    const children = [...draft.tree.children(0)].map((child) => draft.tree.tokens[child])
    expect(children).toEqual(order.slice(0, children.length))
  }
})
