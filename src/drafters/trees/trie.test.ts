import { expect, test } from 'vitest'
import { trie } from './trie.ts'

const rowsOf = (...of: Parameters<typeof trie>) => {
  const { tokens, parents } = trie(...of)
  return { tokens: [...tokens], parents: [...parents] }
}

test('n-grams that begin alike share their rows', () => {
  const ngrams = [
    [1, 2, 3],
    [1, 2, 4],
    [2, 2, 3],
    [1, 2, 3],
  ]
  expect(rowsOf(9, ngrams, 20)).toEqual({ tokens: [9, 1, 2, 3, 4, 2, 2, 3], parents: [-1, 0, 1, 2, 2, 0, 5, 6] })
})

test('where rows are few, those that come first have them', () => {
  const ngrams = [
    [1, 2],
    [3, 4],
    [1, 5],
  ]
  expect(rowsOf(9, ngrams, 3)).toEqual({ tokens: [9, 1, 2, 3], parents: [-1, 0, 1, 0] })
  expect(rowsOf(9, ngrams, 0)).toEqual({ tokens: [9], parents: [-1] })
})
