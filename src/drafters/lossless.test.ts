import { beforeAll, describe, expect, test } from 'vitest'
import type { Drafter, SamplingOptions } from '../decoding/index.ts'
import type { TargetModel } from '../model/index.ts'
import { none } from './none.ts'
import { everyDrafter, run, tinyPair, tokensOf } from './tiny.ts'

const prompt = [5, 9, 2, 33, 5, 9, 2]

let target: TargetModel
let drafters: Drafter[]
beforeAll(async () => {
  const pair = await tinyPair()
  target = pair.target
  drafters = await everyDrafter(pair.target, pair.draft)
})

const samplings: [string, SamplingOptions][] = [
  ['greedy', {}],
  ['at temperature 1', { temperature: 1, seed: 7 }],
  ['with filters', { temperature: 1.5, topK: 20, topP: 0.9, minP: 0.01, seed: 8 }],
  ['with penalties', { temperature: 1, frequencyPenalty: 1.5, repetitionPenalty: 1.2, seed: 9 }],
]

describe.each(samplings)('every drafter leaves the text as it is: %s', (_, sampling) => {
  test.each([true, false])('shared noise: %s', async (sharedNoise) => {
    const truth = tokensOf(await run(target, none(), prompt, { sampling }))
    for (const drafter of drafters)
      for (const maxRows of [64, 3, 1]) {
        const steps = await run(target, drafter, prompt, { sampling, sharedNoise, maxRows })
        expect([drafter.name, tokensOf(steps)]).toEqual([drafter.name, truth])
        expect(Math.max(...steps.map(({ rows }) => rows))).toBeLessThanOrEqual(maxRows)
      }
  })
})

test('every drafter starts each text anew', async () => {
  const truth = [[3, 1, 4], prompt, [3, 1, 4, 1, 5]]
  for (const drafter of drafters)
    for (const text of truth)
      expect([drafter.name, tokensOf(await run(target, drafter, text))]).toEqual([
        drafter.name,
        tokensOf(await run(target, none(), text)),
      ])
})

test('every drafter stays within the context', async () => {
  for (const drafter of drafters) {
    const options = { capacity: 20, maxTokens: 100 }
    expect([drafter.name, tokensOf(await run(target, drafter, prompt, options))]).toEqual([
      drafter.name,
      tokensOf(await run(target, none(), prompt, options)),
    ])
  }
})

test('no guess ends the text, but of Jacobi iteration, which learns from it, and where guesses are drawn', async () => {
  // Half of all tokens end the text, so that many guesses do.
  const ends = Array.from({ length: target.spec.vocabSize >> 1 }, (_, i) => 2 * i)
  let [guesses, drawnEnds] = [0, 0]
  for (const drafter of drafters) {
    if (/^(jacobi|lookahead)/.test(drafter.name)) continue
    const propose = drafter.propose.bind(drafter)
    const wrong: number[] = []
    const watched: Drafter = {
      ...drafter,
      async propose(root, budget) {
        const draft = await propose(root, budget)
        const { tokens, parents } = draft.tree
        for (let row = 1; row < draft.tree.size; row++) {
          const isDrawn = draft.proposal?.[parents[row]] !== undefined
          guesses++
          if (ends.includes(tokens[row]) && isDrawn) drawnEnds++
          else if (ends.includes(tokens[row])) wrong.push(tokens[row])
          if (parents[row] > 0 && ends.includes(tokens[parents[row]])) wrong.push(tokens[row])
        }
        return draft
      },
    }
    for (const rule of ['target-draw', 'rejection'] as const)
      for (const last of [5, 7, 9, 11])
        await run(target, watched, [...prompt, last], {
          rule,
          eosTokenIds: ends,
          sampling: { temperature: 1, seed: last },
        })
    expect([drafter.name, wrong]).toEqual([drafter.name, []])
  }
  expect(guesses).toBeGreaterThan(100)
  expect(drawnEnds).toBeGreaterThan(10)
})
