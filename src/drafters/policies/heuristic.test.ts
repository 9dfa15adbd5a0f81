import { expect, test } from 'vitest'
import { heuristic } from './heuristic.ts'
import { guessed, repeated, step } from './tiny.ts'

const endless = repeated(guessed())

test('two more after a draft that was accepted whole, one less after any other, never none', () => {
  const policy = heuristic(2)
  const lengths = [99, 99, 5, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99, 0].map((right) => step(policy, endless, right))
  expect(lengths).toEqual([2, 4, 6, 5, 4, 6, 5, 4, 3, 2, 1, 1, 1, 1, 1, 3])
})

test('a draft that was cut short and accepted tells nothing; one that was wrong tells', () => {
  const policy = heuristic(5)
  expect(step(policy, endless.slice(0, 2), 2)).toBe(2)
  expect(step(policy, [], 0)).toBe(0)
  expect(step(policy, endless.slice(0, 2), 1)).toBe(2)
  expect(step(policy, endless, 99)).toBe(4)
  expect(step(policy, endless, 99)).toBe(6)
})
