import { describe, expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import { tinyContext, tinyPair } from '../tiny.ts'
import { type PolicySources, policyNames, readPolicy } from './names.ts'
import { drafted, guessed, repeated } from './tiny.ts'

const all = policyNames({ confident: true })

async function sources(): Promise<PolicySources> {
  const { target, draft } = await tinyPair()
  const context = tinyContext(target, draft)
  return {
    context,
    guessCosts: () => ({ first: 0.1, next: 0.1 }),
    readJson: (file) => context.readJson(undefined, 'draft', file),
  }
}

test('every policy is made by its name, alone and with its number', async () => {
  const made = await sources()
  for (const name of all) {
    const policy = await readPolicy({ name: 'draft', variant: name }, all)(made)
    expect(policy.name.startsWith(name)).toBe(true)
  }
  const length = async (variant: string, probability: number) =>
    drafted(await readPolicy({ name: 'draft', variant }, all)(made), repeated(guessed(probability)))
  expect(await length('constant-7', 0.1)).toBe(7)
  expect(await length('heuristic-3', 0.1)).toBe(3)
  expect(await length('confidence-0.6', 0.5)).toBe(1)
  expect(await length('confidence-0.5', 0.5)).toBe(40)
  expect(await length('adaptive-0.6', 0.5)).toBe(1)
  expect(await length('disco-1', 0.9)).toBe(1)
  expect(await length('disco', 0.9)).toBe(6)
})

test('the cost-aware policy knows what a pass of the target and a guess cost', async () => {
  const made = await sources()
  const length = async (guess: number, v8: number) => {
    const context = { ...made.context, costs: async () => passCosts(1, [[8, v8]]) }
    const policy = await readPolicy(
      { name: 'draft', variant: 'cost-aware' },
      all,
    )({
      ...made,
      context,
      guessCosts: () => ({ first: guess, next: guess }),
    })
    return drafted(policy, repeated(guessed(0.9)))
  }
  expect(await length(1, 1)).toBe(0)
  expect(await length(0.1, 8)).toBe(0)
  expect(await length(0.1, 1)).toBeGreaterThan(4)
})

test('drafters without probabilities are offered only policies that look at none', () => {
  expect(policyNames({ confident: false })).toEqual(['cost-aware', 'constant', 'heuristic'])
})

describe('a name that means nothing is an error of code argument', () => {
  test.each([
    ['', /there is no policy ""/],
    ['oracle', /drafter "draft:oracle": there is no policy "oracle", expected one of cost-aware/],
    ['toString', /there is no policy "toString"/],
    ['constant-0', /expected a whole number of guesses, such as constant-5/],
    ['constant-1.5', /expected a whole number of guesses/],
    ['heuristic-x', /there is no policy "heuristic-x"/],
    ['confidence-40', /expected a threshold from 0 to 1, such as confidence-0.4/],
    ['disco-2', /expected a threshold from 0 to 1, such as disco-0.4/],
    ['cost-aware-3', /cost-aware takes no number/],
    ['constant-3\n', /there is no policy/],
  ])('%j', (variant, message) => {
    expect(() => readPolicy({ name: 'draft', variant }, all)).toThrow(
      expect.objectContaining({ code: 'argument', message: expect.stringMatching(message) }),
    )
  })
})
