import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TokenTree } from './tree.ts'
import { verify } from './verify.ts'

const vocabSize = 3

/** Random trees over a tiny vocabulary, so that guesses often hit. */
const anyTree = fc.array(fc.tuple(fc.nat(vocabSize - 1), fc.nat(1000)), { maxLength: 20 }).map((guesses) => {
  const tokens = [0]
  const parents = [-1]
  const taken = new Set<string>()
  for (const [token, seed] of guesses) {
    const parent = seed % tokens.length
    if (taken.has(`${parent} ${token}`)) continue
    taken.add(`${parent} ${token}`)
    tokens.push(token)
    parents.push(parent)
  }
  return new TokenTree(tokens, parents)
})

/** The tokens from the root to `row`. */
function pathTokens(tree: TokenTree, row: number): number[] {
  const tokens: number[] = []
  for (let r = row; r >= 0; r = tree.parents[r]) tokens.unshift(tree.tokens[r])
  return tokens
}

/** A target without a model: its next token is any fixed function of the tokens before. */
const targetOf = (seed: number) => (text: readonly number[]) => {
  let state = seed
  for (const token of text) state = (Math.imul(state ^ (token + 1), 0x9e3779b1) ^ (state >>> 13)) >>> 0
  return (state >>> 8) % vocabSize
}

test('the path and the bonus token are what the target would write by itself, for as long as the tree guessed it', () => {
  fc.assert(
    fc.property(anyTree, fc.nat(), (tree, seed) => {
      const next = targetOf(seed)
      const asked: number[] = []
      const { path, bonus } = verify(tree, (row) => {
        asked.push(row)
        return next(pathTokens(tree, row))
      })

      const text = [tree.tokens[0]]
      while (text.length < path.length + 1) text.push(next(text))
      expect([...path.map((row) => tree.tokens[row]), bonus]).toEqual(text)
      path.forEach((row, i) => {
        expect(tree.parents[row]).toBe(i === 0 ? -1 : path[i - 1])
      })
      // No guess was passed over: no child of the last row holds the bonus token.
      const last = path[path.length - 1]
      expect([...tree.tokens].some((token, row) => tree.parents[row] === last && token === bonus)).toBe(false)
      expect(asked).toEqual(path)
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('a root alone yields the bonus token', () => {
  expect(verify(new TokenTree([4], [-1]), () => 9)).toEqual({ path: [0], bonus: 9 })
})
