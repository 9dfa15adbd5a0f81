import { describe, expect, test } from 'vitest'
import { chain, TokenTree } from './tree.ts'
import { typical, typicality } from './typical.ts'

const [a, b, c, d] = [0, 1, 2, 3]
/** A few likely tokens, and others that share what is left alike. */
const spread = (likely: readonly number[], others: number) => [
  ...likely,
  ...new Array(others).fill((1 - likely.reduce((sum, p) => sum + p, 0)) / others),
]

describe('what a guess has to exceed', () => {
  test.each<[string, readonly number[], number]>([
    ['certain: epsilon', [1, 0, 0], 0.09],
    ['nearly certain: epsilon', [0.95, 0.05], 0.09],
    ['two alike: 0.3 / 2 is more than epsilon', [0.5, 0.5], 0.09],
    ['ten alike: 0.3 / 10', spread([], 10), 0.03],
    // H = 1/2 log 2 + 1/2 log 16
    ['a half, and eight that share the other', spread([0.5], 8), 0.3 / Math.sqrt(32)],
  ])('%s', (_, p, bar) => {
    expect(typicality(p)).toBeCloseTo(bar, 12)
  })
})

describe('one guess', () => {
  test.each<[string, readonly number[], number, boolean]>([
    ['the likeliest token is accepted', [0.95, 0.05], a, true],
    ['an unlikely one beside a likely one is not', [0.95, 0.05], b, false],
    ['one that is as likely as epsilon is not', [0.91, 0.09], b, false],
    ['a token of 1/16 is, where there are eight of them', spread([0.5], 8), d, true],
    ['and is not, where there is less to choose from', [0.5, 0.3125, 0.0625, 0.0625, 0.0625], d, false],
    ['each of a hundred alike is', spread([], 100), 99, true],
    ['one that filters have taken away is not', [...spread([], 100), 0], 100, false],
  ])('%s', (_, p, guess, accepted) => {
    expect(typical(chain(a, [guess]), () => p)).toEqual(accepted ? [0, 1] : [0])
  })
})

describe('of a tree', () => {
  const p = [0.5, 0.3, 0.2]

  test('the longest path is taken, though a shorter one is likelier', () => {
    const tree = new TokenTree([c, a, c, c], [-1, 0, 0, 2])
    expect(typical(tree, () => p)).toEqual([0, 2, 3])
  })

  test('the likeliest of those as long, wherever it stands', () => {
    for (const order of [
      [b, a, c],
      [a, c, b],
      [c, b, a],
    ])
      expect(typical(new TokenTree([c, ...order], [-1, 0, 0, 0]), () => p)).toEqual([0, 1 + order.indexOf(a)])
    // b a is 0.15, c a 0.1, a c 0.1
    const tree = new TokenTree([c, c, a, b, a, c, a], [-1, 0, 0, 0, 1, 2, 3])
    expect(typical(tree, () => p)).toEqual([0, 3, 6])
  })

  test('nothing is accepted behind a guess that is not, and nothing is asked about it', () => {
    const asked: (readonly number[])[] = []
    const sure = [0.97, 0.01, 0.01, 0.01]
    const tree = new TokenTree([c, b, a, a, d], [-1, 0, 0, 1, 2])
    const path = typical(tree, (path) => {
      asked.push(path)
      return sure
    })
    expect(path).toEqual([0, 2])
    expect(asked).toEqual([[0], [0, 2]])
  })

  test('a guess is judged by what the target holds behind the path to it', () => {
    const after = (path: readonly number[]) => (path.length === 1 ? [0.97, 0.03] : [0.03, 0.97])
    expect(typical(chain(c, [a, b, a]), after)).toEqual([0, 1, 2])
  })

  test('without guesses it is the root', () => {
    expect(typical(chain(c), () => p)).toEqual([0])
  })
})
