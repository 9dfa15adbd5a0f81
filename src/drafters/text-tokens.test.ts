import { expect, test } from 'vitest'
import { TextTokens } from './text-tokens.ts'

const drawn = (text: TextTokens, count: number) => Array.from({ length: count }, () => text.draw())

test('draws tokens of the text so far with replacement, the more often the oftener they are in it', () => {
  const text = new TextTokens()
  text.append([7, 8, 8, 8])
  const before = drawn(text, 4000)
  expect(new Set(before)).toEqual(new Set([7, 8]))
  expect(before.filter((token) => token === 8).length / 4000).toBeCloseTo(0.75, 1)
  text.append([9])
  expect(drawn(text, 100)).toContain(9)
})

test('draws the same from the same text', () => {
  const [one, other] = [new TextTokens(), new TextTokens()]
  for (const text of [one, other]) text.append([1, 2, 3, 4, 5, 6, 7])
  expect(drawn(one, 50)).toEqual(drawn(other, 50))
})
