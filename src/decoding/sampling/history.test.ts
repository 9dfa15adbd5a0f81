import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TokenHistory } from './history.ts'

const snapshot = (history: TokenHistory) => ({
  length: history.length,
  prompt: [...history.prompt].sort(),
  counts: [...history.counts].sort(),
})

it('pop takes back exactly what push did, to any depth', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5)), fc.array(fc.nat(5)), fc.array(fc.nat(5)), (prompt, kept, walked) => {
      const history = new TokenHistory(prompt)
      for (const token of kept) history.push(token)
      const before = snapshot(history)
      for (const token of walked) history.push(token)
      expect(history.length).toBe(kept.length + walked.length)
      expect(walked.map(() => history.pop()).reverse()).toEqual(walked)
      expect(snapshot(history)).toEqual(before)
    }),
    { seed: 3 },
  )
})

it('counts generated tokens apart from those of the prompt', () => {
  const history = new TokenHistory([1, 1, 2])
  for (const token of [2, 3, 3]) history.push(token)
  expect(snapshot(history)).toEqual({
    length: 3,
    prompt: [1, 2],
    counts: [
      [2, 1],
      [3, 2],
    ],
  })
})

it('an empty history has nothing to pop', () => {
  expect(() => new TokenHistory([1]).pop()).toThrow(/no generated token/)
})
