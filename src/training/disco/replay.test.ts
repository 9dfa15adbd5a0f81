import { beforeAll, describe, expect, test } from 'vitest'
import type { Step } from '../../decoding/index.ts'
import { confidence, constant, draftModel, heuristic, type Policy } from '../../drafters/index.ts'
import { run, tinyPair } from '../../drafters/tiny.ts'
import type { TargetModel } from '../../model/index.ts'
import { type LoggedStep, type LoggedText, loggedStep } from './log.ts'
import { replay, replayOracle } from './replay.ts'
import { guessOf, tinyHeader } from './tiny.ts'

const costs = { guess: 0.1, v: Array.from({ length: 9 }, (_, i) => 1 + i / 20) }

describe('a replay of greedy texts takes the passes that the policy takes', () => {
  let target: TargetModel
  let draft: TargetModel
  const prompts = [
    [5, 9, 2, 33, 5, 9, 2],
    [3, 1, 4],
    [60, 60, 61],
  ]
  const maxTokens = 40
  const texts: LoggedText[] = []
  beforeAll(async () => {
    ;({ target, draft } = await tinyPair())
    for (const [prompt, ids] of prompts.entries()) {
      const steps: LoggedStep[] = []
      const recording: Policy = { ...constant(8), observe: (outcome) => steps.push(loggedStep(outcome)) }
      await run(target, draftModel(draft, recording), ids, { maxTokens })
      texts.push({ prompt, steps })
    }
  }, 60_000)

  test.each<[string, () => Policy]>([
    ['a constant', () => constant(3)],
    ['the constant of the log', () => constant(8)],
    ['a schedule', () => heuristic(2)],
    ['a threshold', () => capped(confidence(0.3))],
  ])('%s', async (_, create) => {
    const policy = create()
    // Where a whole draft was accepted the log is silent about the token behind it.
    const known = texts.filter(({ steps }) =>
      steps.slice(0, -1).every(({ guesses, accepted }) => accepted < guesses.length),
    )
    expect(known.length).toBeGreaterThan(0)
    const real: Step[] = []
    const drafter = draftModel(draft, create())
    for (const { prompt } of known) real.push(...(await run(target, drafter, prompts[prompt], { maxTokens })))
    const { tokens, forwards, drafts } = replay(known, policy, costs)
    expect({ tokens, forwards, drafts }).toEqual({
      tokens: maxTokens * known.length,
      forwards: real.length,
      drafts: real.reduce((sum, { draftForwards }) => sum + draftForwards, 0),
    })
  })
})

function capped({ name, continueDrafting }: Policy): Policy {
  return { name, continueDrafting: (state) => state.guesses.length < 8 && continueDrafting(state) }
}

/** Right, right, wrong, behind; right, wrong, behind, behind; all four right. */
const text: LoggedText = {
  prompt: 0,
  steps: [
    { accepted: 2, guesses: [0.9, 0.8, 0.3, 0.7].map((p) => guessOf(p)) },
    { accepted: 1, guesses: [0.9, 0.2, 0.6, 0.5].map((p) => guessOf(p)) },
    { accepted: 4, guesses: [0.9, 0.9, 0.9, 0.9].map((p) => guessOf(p)) },
  ],
}

test('times add up to S = tau / (D + v)', () => {
  const { tokens, forwards, drafts, tau, D, v, S } = replay([text], constant(4), tinyHeader.costs)
  expect({ tokens, forwards, drafts }).toEqual({ tokens: 10, forwards: 3, drafts: 12 })
  expect(tau).toBeCloseTo(10 / 3, 12)
  expect(D).toBeCloseTo(4 * 0.2, 12)
  expect(v).toBeCloseTo(1.3, 12)
  expect(S).toBeCloseTo(10 / 3 / (0.8 + 1.3), 12)
})

test('a shorter draft leaves its rest to the next one', () => {
  // Positions: right right wrong | right wrong | right right right right, bonus. Drafts of two:
  // 2 right + bonus (the wrong position); right, wrong; right right + right; right, then only the bonus is left.
  const { tokens, forwards, drafts } = replay([text], constant(2), tinyHeader.costs)
  expect({ tokens, forwards, drafts }).toEqual({ tokens: 10, forwards: 4, drafts: 7 })
})

test('drafting nothing is plain decoding', () => {
  expect(replay([text], { name: 'none', continueDrafting: () => false }, tinyHeader.costs)).toMatchObject({
    ...{ tokens: 10, forwards: 10, drafts: 0, tau: 1, D: 0, v: 1, S: 1 },
  })
})

test('policies see the guesses as they were, also behind a wrong one', () => {
  const seen: number[][] = []
  const watching: Policy = {
    ...constant(4),
    observe: ({ guesses }) => seen.push(guesses.map((guess) => guess.confidence!.probability)),
  }
  replay([text], watching, tinyHeader.costs)
  expect(seen[0]).toEqual([0.9, 0.8, 0.3, 0.7])
  expect(seen[1]).toEqual([0.9, 0.2, 0.6, 0.5])
})

test('nothing is faster than stopping at the first wrong guess, where rows cost what they should', () => {
  const costs = { guess: 0.2, v: [1, 1, 1, 1, 1] }
  const bound = replayOracle([text], costs)
  expect(bound).toMatchObject({ tokens: 10, forwards: 3, drafts: 3 + 2 + 4 })
  for (const guesses of [1, 2, 3, 4]) expect(replay([text], constant(guesses), costs).S).toBeLessThan(bound.S)
})
