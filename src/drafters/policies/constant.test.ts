import { expect, test } from 'vitest'
import { constant } from './constant.ts'
import { guessed, repeated, step } from './tiny.ts'

test('drafts the same number of guesses whatever they look like and whatever became of them', () => {
  const policy = constant(3)
  expect(policy.name).toBe('constant-3')
  for (const [probability, right] of [
    [0.01, 0],
    [0.99, 3],
    [undefined, 1],
  ] as const)
    expect(step(policy, repeated(guessed(probability)), right)).toBe(3)
})
