import { expect, test } from 'vitest'
import { oracle } from './oracle.ts'
import { drafted, guessed } from './tiny.ts'

const tokens = (...ids: number[]) => ids.map((id) => guessed(0.5, id))

test('drafts up to the first wrong guess, which it has to see to know', () => {
  const policy = oracle([10, 11, 12, 13])
  expect(drafted(policy, tokens(10, 11, 99, 13))).toBe(3)
  expect(drafted(policy, tokens(99, 11))).toBe(1)
  expect(drafted(policy, tokens(10, 11, 12, 13))).toBe(4)
})

test('knows where in the text a draft begins', () => {
  const policy = oracle([10, 11, 12, 13])
  expect(drafted(policy, tokens(12, 13), 2)).toBe(2)
  expect(drafted(policy, tokens(10, 11), 2)).toBe(1)
})
