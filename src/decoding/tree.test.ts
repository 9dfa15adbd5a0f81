import { describe, expect, test } from 'vitest'
import { chain, TokenTree } from './tree.ts'

const refusal = (message: string) => expect.objectContaining({ code: 'argument', message })

test('a chain is the root and guesses that follow one another', () => {
  const tree = chain(7, [8, 8, 9])
  expect([...tree.tokens]).toEqual([7, 8, 8, 9])
  expect([...tree.parents]).toEqual([-1, 0, 1, 2])
  expect([tree.size, tree.depth]).toEqual([4, 3])
})

test('a root alone is a tree without guesses', () => {
  expect([chain(7).size, chain(7).depth]).toEqual([1, 0])
  expect(chain(7).child(0, 7)).toBeUndefined()
})

test('a token names the child that guesses it, at every row by itself', () => {
  const tree = new TokenTree([1, 2, 3, 2, 3], [-1, 0, 0, 1, 2])
  expect([tree.child(0, 2), tree.child(0, 3), tree.child(1, 2), tree.child(2, 3)]).toEqual([1, 2, 3, 4])
  expect([tree.child(0, 1), tree.child(1, 3), tree.child(3, 2)]).toEqual([undefined, undefined, undefined])
})

test('depth counts the guesses of the longest path', () => {
  expect(new TokenTree([1, 2, 3, 4, 5], [-1, 0, 0, 1, 0]).depth).toBe(2)
  expect(new TokenTree([1, 2, 3, 4, 5], [-1, 0, 1, 2, 0]).depth).toBe(3)
})

test('a tree keeps its own copy of what it was made of', () => {
  const tokens = [1, 2]
  const tree = new TokenTree(tokens, [-1, 0])
  tokens[1] = 9
  expect(tree.tokens[1]).toBe(2)
})

describe('a tree refuses', () => {
  test('two siblings with one token', () => {
    expect(() => new TokenTree([1, 2, 2], [-1, 0, 0])).toThrow(refusal('token tree: two children of row 0 guess 2'))
    // Cousins may agree.
    expect(() => new TokenTree([1, 2, 3, 4, 4], [-1, 0, 0, 1, 2])).not.toThrow()
  })

  test.each<[string, number[], string]>([
    ['a root with a parent', [0, 0], 'token tree: row 0 has parent 0'],
    ['a second root', [-1, -1], 'token tree: row 1 has parent -1'],
    ['a row that is its own parent', [-1, 1], 'token tree: row 1 has parent 1'],
    ['a parent that comes later', [-1, 2, 0], 'token tree: row 1 has parent 2'],
    ['a parent between rows', [-1, 0, 0.5], 'token tree: row 2 has parent 0.5'],
  ])('%s', (_, parents, message) => {
    expect(() => new TokenTree([5, 6, 7].slice(0, parents.length), parents)).toThrow(refusal(message))
  })

  test('rows and parents that differ in number, and no rows at all', () => {
    expect(() => new TokenTree([1, 2], [-1])).toThrow(refusal('token tree: 2 tokens and 1 parents'))
    expect(() => new TokenTree([1], [-1, 0])).toThrow(refusal('token tree: 1 tokens and 2 parents'))
    expect(() => new TokenTree([], [])).toThrow(refusal('token tree: 0 tokens and 0 parents'))
  })
})
