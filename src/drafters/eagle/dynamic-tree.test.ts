import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Candidates } from './candidates.ts'
import { dynamicTree } from './dynamic-tree.ts'
import { growing, tableOf } from './tables.ts'

/** Probabilities of the children of each path of tokens, best first; powers of two, so that ties are exact. */
const worked = tableOf({
  '': { a: 1 / 2, b: 1 / 4, c: 1 / 8 },
  a: { d: 1 / 2, e: 1 / 4, f: 1 / 8 },
  b: { g: 1, h: 1 / 8, i: 1 / 16 },
  ad: { j: 1 / 2, k: 1 / 4, l: 1 / 8 },
  bg: { m: 1 / 2, n: 1 / 4, o: 1 / 8 },
  // Never expanded: they lost to others.
  ae: { x: 1 },
  c: { y: 1 },
})

describe('a tree worked by hand', () => {
  test('expands the likeliest paths of each level, and reranks all that was seen', async () => {
    const { tree, passes } = await growing(dynamicTree({ rows: 7, depth: 3, width: 2 }), worked)
    // Of width 2: a 1/2, b 1/4; under them ad 1/4, ae 1/8, bg 1/4, bh 1/32; of these ad and bg are read, adj 1/8 ...
    expect(passes).toEqual([[''], ['a', 'b'], ['ad', 'bg']])
    // a 1/2; b, ad, bg 1/4 each; then the earliest of ae, adj, bgm, which have 1/8 each, and the one behind it.
    expect(tree).toEqual(['a', 'b', 'ad', 'ae', 'bg', 'adj'])
  })

  test('an equal score goes to the earlier candidate, so that a certain child does not come without its parent', async () => {
    expect((await growing(dynamicTree({ rows: 3, depth: 3, width: 2 }), worked)).tree).toEqual(['a', 'b'])
    expect((await growing(dynamicTree({ rows: 5, depth: 3, width: 2 }), worked)).tree).toEqual(['a', 'b', 'ad', 'bg'])
  })

  test('reads no level that a small tree could not hold', async () => {
    expect(await growing(dynamicTree({ rows: 60, depth: 6, width: 2 }), worked, { guesses: 1 })).toEqual({
      tree: ['a'],
      passes: [['']],
    })
    const two = await growing(dynamicTree({ rows: 60, depth: 6, width: 2 }), worked, { guesses: 2 })
    expect(two.passes).toEqual([[''], ['a', 'b']])
  })

  test('is as deep as it may be', async () => {
    expect((await growing(dynamicTree({ rows: 60, depth: 1, width: 3 }), worked)).tree).toEqual(['a', 'b', 'c'])
  })
})

test('of any probabilities it keeps the likeliest paths of all it saw, none without its parent, and no more than it may', async () => {
  const probabilities = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(
      probabilities,
      fc.integer({ min: 2, max: 30 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 4 }),
      async (exponents, rows, depth, width) => {
        const candidates = new Candidates(0)
        let next = 0
        const chosen = await dynamicTree({ rows, depth, width }).grow(
          candidates,
          async (nodes) =>
            nodes.map((node) =>
              candidates.add(
                node,
                Array.from({ length: width }, (_, token) => ({
                  token,
                  logProbability: -exponents[next++ % exponents.length],
                })),
              ),
            ),
          20,
        )
        expect(chosen.length).toBeLessThanOrEqual(Math.min(rows, 21))
        // A tree that lacks a parent cannot be built.
        expect(candidates.tree(chosen).size).toBe(chosen.length)
        const left = candidates.guesses.filter((guess) => !chosen.includes(guess))
        const lowest = Math.min(...chosen.map((guess) => candidates.at(guess).score))
        for (const guess of left) expect(candidates.at(guess).score).toBeLessThanOrEqual(lowest)
        expect(chosen.length).toBe(Math.min(rows, 21, candidates.guesses.length + 1))
      },
    ),
    { seed: 3, numRuns: 500 },
  )
})
