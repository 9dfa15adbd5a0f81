import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashed, play, run, tinyPair, tokensOf, written } from '../../drafters/tiny.ts'
import { blockwise } from './blockwise.ts'
import { convergenceOf } from './convergence.ts'
import { repeatsItself } from './repetition.ts'
import { parseTrajectories, type Trajectory, trajectoryOf } from './trajectory.ts'

const prompt = [3, 1, 4, 1, 5, 9, 2, 6]

/** An iterate in full. */
const whole = ({ tokens }: Trajectory, iterate: readonly number[]) => [
  ...tokens.slice(0, tokens.length - iterate.length),
  ...iterate,
]

describe('a trajectory', () => {
  test('is that of the Jacobi iteration over its whole block, to the greedy text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.nat(1e6),
        fc.integer({ min: 2, max: 9 }),
        async (order, seed, block) => {
          const next = hashed(order, seed)
          const drafter = blockwise(block)
          const steps = await play(next, drafter, prompt, 40)
          const ids = written(next, prompt, 40)
          expect(steps.flatMap(({ emitted }) => emitted)).toEqual(ids)
          const blocks = drafter.trajectories(ids)
          expect(blocks.flatMap(({ tokens }) => tokens)).toEqual(ids)
          let text = [...prompt]
          for (const trajectory of blocks) {
            const { tokens, iterates } = trajectory
            if (iterates.length > 0)
              for (const token of whole(trajectory, iterates[0]).slice(0, 1)) expect(text).toContain(token)
            for (const [j, iterate] of iterates.entries()) {
              const full = whole(trajectory, iterate)
              const expected = full.map((_, i) => next([...text, ...full.slice(0, i)]))
              expect(iterates[j + 1] ? whole(trajectory, iterates[j + 1]) : tokens).toEqual(expected)
            }
            text = [...text, ...tokens]
          }
          const passes = blocks.map(convergenceOf).reduce((sum, counts) => sum + counts.passes, 0)
          expect(passes).toBe(steps.length)
        },
      ),
      { seed: 1, numRuns: 60 },
    )
  })

  test('ends where the text ends, and forgets the text before', async () => {
    const { target } = await tinyPair()
    const drafter = blockwise(6)
    const text = tokensOf(await run(target, drafter, prompt, { maxTokens: 20 }))
    expect(drafter.trajectories(text).map(({ tokens }) => tokens.length)).toEqual([6, 6, 6, 2])
    const eos = text[8]
    const until = text.indexOf(eos) + 1
    const steps = await run(target, drafter, prompt, { maxTokens: 20, eosTokenIds: [eos] })
    expect(tokensOf(steps)).toEqual(text.slice(0, until))
    const blocks = drafter.trajectories(tokensOf(steps))
    expect(blocks.flatMap(({ tokens }) => tokens)).toEqual(text.slice(0, until))
    for (const { tokens, iterates } of blocks)
      for (const iterate of iterates) expect(iterate.length).toBeLessThanOrEqual(tokens.length)
  })

  test.each([1, 65, 2.5])('a block of %s is an error of code argument', (block) => {
    expect(() => blockwise(block)).toThrow(expect.objectContaining({ code: 'argument' }))
  })
})

describe('how a block converges', () => {
  const tokens = [1, 2, 3, 4, 5]
  test.each<[string, number[][], { passes: number; stationary: number }]>([
    [
      'token by token',
      [
        [0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [1, 2, 0, 0, 0],
        [1, 2, 3, 0, 0],
        [1, 2, 3, 4, 0],
      ],
      { passes: 5, stationary: 0 },
    ],
    ['all learned at once, and confirmed in another pass', [[0, 0, 0, 0, 0]], { passes: 2, stationary: 0 }],
    ['right from the first guess on', [], { passes: 1, stationary: 0 }],
    ['only the last one wrong, which no pass depends on', [[1, 2, 3, 4, 0]], { passes: 1, stationary: 0 }],
    [
      'two right behind a wrong one, one of which is lost again',
      [
        [0, 0, 0, 0, 0],
        [1, 0, 3, 4, 0],
        [1, 2, 0, 4, 0],
      ],
      { passes: 4, stationary: 1 },
    ],
  ])('%s', (_, iterates, expected) => {
    expect(convergenceOf(trajectoryOf(tokens, iterates))).toEqual({ blocks: 1, tokens: 5, ...expected })
  })
})

test('a text repeats itself where a token or a phrase stands again and again', () => {
  const story = Array.from({ length: 60 }, (_, i) => i)
  const phrase = (tokens: number[], times: number) => Array.from({ length: times }, () => tokens).flat()
  expect(repeatsItself([])).toBe(false)
  expect(repeatsItself(story)).toBe(false)
  expect(repeatsItself([...story, ...phrase([7], 9), 1])).toBe(false)
  expect(repeatsItself([...story, ...phrase([7], 10), 1])).toBe(true)
  expect(repeatsItself([...story, ...phrase([1, 2, 3, 4], 3)])).toBe(false)
  expect(repeatsItself([...phrase([1, 2, 3, 4], 4), ...story])).toBe(true)
  expect(repeatsItself([...story, ...phrase(story.slice(0, 16), 4)])).toBe(true)
  expect(repeatsItself([...phrase(story.slice(0, 17), 4)])).toBe(false)
})

describe('a line of a file', () => {
  const answer = {
    ...{ task: 'a', prompt: 'p', response: 'r', finish: 'stop', tokens: 5, block: 3, promptIds: [1] },
    blocks: [
      {
        tokens: [1, 2, 3],
        iterates: [
          [4, 4, 4],
          [4, 3],
        ],
      },
      { tokens: [6, 7], iterates: [] },
    ],
  }
  const parse = (changes: object) => () => parseTrajectories(JSON.stringify({ ...answer, ...changes }), 'f, line 2')

  test('is read as it was written', () => {
    expect(parse({})()).toEqual(answer)
  })

  test.each<[object, string]>([
    [{ block: 1 }, '"block" is not'],
    [{ promptIds: [] }, '"promptIds" is not'],
    [{ blocks: undefined }, '"blocks" is not a list'],
    [{ blocks: [{ tokens: [1], iterates: 3 }] }, '"blocks" 0 is not'],
    [{ blocks: [answer.blocks[1], answer.blocks[0]] }, '"blocks" 0 has 2 tokens, "block" is 3'],
    [{ blocks: [{ tokens: [1, 2], iterates: [[0, 0, 0]] }] }, 'not a list of 1 to 2 tokens'],
    [{ blocks: [{ tokens: [1, 2], iterates: [[1, 0]] }] }, 'does not begin with its first wrong token'],
    [{ tokens: 6 }, '"blocks" hold 5 tokens, "tokens" is 6'],
    [{ finish: 'never' }, '"finish" is neither'],
  ])('is refused where it cannot be: %j', (changes, problem) => {
    expect(parse(changes)).toThrow(expect.objectContaining({ code: 'format' }))
    expect(parse(changes)).toThrow(`f, line 2: ${problem.startsWith('"') ? problem : ''}`)
    expect(parse(changes)).toThrow(problem)
  })
})
