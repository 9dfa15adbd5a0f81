import { beforeAll, describe, expect, test } from 'vitest'
import type { Drafter, SamplingOptions } from '../decoding/index.ts'
import { withRowNoise } from '../decoding/tiny.ts'
import type { TargetModel } from '../model/index.ts'
import { none } from './none.ts'
import { everyDrafter, run, tinyPair, tokensOf } from './tiny.ts'

/** The logits of the tiny model are some units apart: with this, some draws are near enough to be turned round. */
const error = 0.2
const prompts = [
  [5, 9, 2, 33, 5, 9, 2],
  [3, 1, 4, 1, 5, 3, 1],
]

let exact: TargetModel
let noisy: TargetModel
let drafters: Drafter[]
beforeAll(async () => {
  const pair = await tinyPair()
  exact = pair.target
  noisy = withRowNoise(exact, error)
  // A drafter that guesses nothing has passes of one row only.
  drafters = (await everyDrafter(pair.target, pair.draft)).filter(({ name }) => name !== 'none')
})

const samplings: [string, SamplingOptions][] = [
  ['greedy', {}],
  ['at temperature 1', { temperature: 1, seed: 7 }],
  ['with filters', { temperature: 1, topK: 20, topP: 0.9, minP: 0.01, seed: 8 }],
  ['with penalties', { temperature: 0, frequencyPenalty: 1.5, repetitionPenalty: 1.2 }],
]

describe.each(samplings)('on an executor whose passes of many rows are off: %s', (_, sampling) => {
  const textOf = async (model: TargetModel, drafter: Drafter, strict: number, prompt: readonly number[]) =>
    tokensOf(await run(model, drafter, prompt, { sampling, strict }))

  test('strict decoding writes what plain decoding writes, with every drafter', async () => {
    for (const prompt of prompts) {
      const truth = await textOf(exact, none(), 0, prompt)
      expect(await textOf(noisy, none(), 0, prompt)).toEqual(truth)
      // A penalty multiplies errors of a logit too.
      for (const drafter of drafters)
        expect([drafter.name, await textOf(noisy, drafter, 1.2 * error, prompt)]).toEqual([drafter.name, truth])
    }
  })

  test('without it, some texts are others', async () => {
    for (const prompt of prompts) {
      const truth = await textOf(exact, none(), 0, prompt)
      for (const drafter of drafters) if (String(await textOf(noisy, drafter, 0, prompt)) !== String(truth)) return
    }
    expect.unreachable('no text was another')
  })
})

test('strict decoding takes passes of many rows where no draw is near', async () => {
  const [, prompt] = prompts
  const exactly = await run(exact, drafters[0], prompt)
  const strictly = await run(exact, drafters[0], prompt, { strict: 1e-6 })
  expect(strictly.map(({ tokens, rows }) => [tokens, rows])).toEqual(exactly.map(({ tokens, rows }) => [tokens, rows]))
})
