import { expect, test } from 'vitest'
import { draftVocabulary } from './draft-vocabulary.ts'

/** Prompt 5 5 5, response 1 2 1; prompt 5, response 3 1. */
const split = {
  documentCount: 2,
  tokens: Uint16Array.from([5, 5, 5, 1, 2, 1, 5, 3, 1]),
  starts: Uint32Array.of(0, 6, 9),
  responseStarts: Uint32Array.of(3, 7),
}

test('the most frequent tokens of responses, the lower id first among equals', () => {
  expect(draftVocabulary(split, 8, 2)).toEqual({
    targetIds: Int32Array.of(1, 2),
    draftIds: Int32Array.of(-1, 0, 1, -1, -1, -1, -1, -1),
    coverage: 4 / 5,
  })
  expect(draftVocabulary(split, 8, 4).targetIds).toEqual(Int32Array.of(0, 1, 2, 3))
})

test('all tokens have the ids of the target', () => {
  const { targetIds, draftIds, coverage } = draftVocabulary(split, 8)
  expect(targetIds).toBeUndefined()
  expect([...draftIds]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(coverage).toBe(1)
})

test.each([0, 9, 1.5])('a size of %d is refused', (size) => {
  expect(() => draftVocabulary(split, 8, size)).toThrow('expected 1 to 8')
})
