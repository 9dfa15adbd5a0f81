import { describe, expect, test } from 'vitest'
import { staticGrowth } from './static-growth.ts'
import { expandedByLevel, publishedPaths, shapeOf, widthOf } from './static-tree.ts'
import { growing, type Table } from './tables.ts'

const published = shapeOf(publishedPaths)
/** A child of each letter, whatever came before. */
const any: Table = () => ({ a: 0.4, b: 0.3, c: 0.2, d: 0.1 })
const inLetters = (path: string) => path.replace(/\d/g, (rank) => 'abcd'[Number(rank)])

test('the published tree has 25 guesses on five levels of 4, 8, 8, 3 and 2, and takes five passes of the head', () => {
  const levels = [1, 2, 3, 4, 5].map((depth) => published.filter((node) => node.depth === depth).length)
  expect(levels).toEqual([4, 8, 8, 3, 2])
  expect(published).toHaveLength(26)
  expect(widthOf(published)).toBe(4)
  expect(expandedByLevel(published, [...published.keys()])).toEqual([1, 4, 4, 1, 1])
})

test('grows the guess of each path, a level with children a pass', async () => {
  const { tree, passes } = await growing(staticGrowth(published), any)
  expect(tree.toSorted()).toEqual(publishedPaths.map(inLetters).toSorted())
  expect(passes.map((nodes) => nodes.length)).toEqual([1, 4, 4, 1, 1])
})

test('the first N guesses are those that are likely before anything is known, none without parent or elder sibling', async () => {
  const trees = [1, 2, 3, 5, 9].map(async (size) => (await growing(staticGrowth(published, size), any)).tree)
  expect(await Promise.all(trees.slice(0, 4))).toEqual([
    ['a'],
    ['a', 'aa'],
    ['a', 'aa', 'aaa'],
    ['a', 'b', 'aa', 'aaa', 'aaaa'],
  ])
  for (let size = 1; size < published.length; size++) {
    const { tree } = await growing(staticGrowth(published, size), any)
    expect(tree).toHaveLength(size)
    for (const path of tree) {
      const [before, last] = [path.slice(0, -1), path.charCodeAt(path.length - 1)]
      if (before !== '') expect(tree).toContain(before)
      if (last > 97) expect(tree).toContain(before + String.fromCharCode(last - 1))
    }
  }
})

test('a budget cuts it like a size', async () => {
  const small = await growing(staticGrowth(published), any, { guesses: 5 })
  expect(small).toEqual(await growing(staticGrowth(published, 5), any))
})

test('where there are too few children, what stands behind them is left out', async () => {
  const { tree } = await growing(staticGrowth(shapeOf(['0', '1', '2', '00', '20'])), (path) =>
    path === '' ? { a: 0.6, b: 0.4 } : { c: 1 },
  )
  expect(tree).toEqual(['a', 'b', 'ac'])
})

describe('paths that make no tree are an error of code argument', () => {
  test.each<[string[], RegExp]>([
    [['0', 'x'], /path "x" is not made of digits/],
    [['0', '0'], /path "0" is there twice/],
    [['0', '10'], /path "10" is there without its parent "1"/],
    [['0', '2'], /path "2" is there without its sibling "1"/],
    [['', '0'], /path "" is not made of digits/],
  ])('%j', (paths, message) => {
    expect(() => shapeOf(paths)).toThrow(
      expect.objectContaining({ code: 'argument', message: expect.stringMatching(message) }),
    )
  })
})
