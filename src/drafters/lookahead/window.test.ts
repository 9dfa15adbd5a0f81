import { describe, expect, test } from 'vitest'
import { JacobiWindow } from './window.ts'

/** First tokens 100, 101, ..., level by level. */
const counted = () => {
  let token = 100
  return () => token++
}

describe('the rows of a window', () => {
  test('of three levels and four columns, behind a tree of six rows', () => {
    const { tokens, parents } = new JacobiWindow(3, 4, counted()).riders(6)
    // Rows 6 to 8 are level 0 without the root's column, 9 to 12 level 1, 13 to 16 level 2.
    expect([...tokens]).toEqual([101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111])
    expect([...parents]).toEqual([0, 6, 7, 0, 6, 7, 8, 9, 10, 11, 12])
  })

  test.each([
    [1, 1, 1],
    [1, 5, 3],
    [2, 1, 4],
    [2, 3, 1],
    [4, 7, 9],
  ])('%i levels, %i columns, a tree of %i rows: each stands and sees as in the table', (levels, width, treeSize) => {
    const { parents } = new JacobiWindow(levels, width, counted()).riders(treeSize)
    expect(parents.length).toBe(levels * width - 1)
    const rowOf = (level: number, column: number) =>
      level === 0 && column === 0 ? 0 : treeSize + level * width + column - 1
    for (let level = 0; level < levels; level++)
      for (let column = 0; column < width; column++) {
        const seen: number[] = []
        for (let row = rowOf(level, column); row > 0; row = parents[row - treeSize]) seen.unshift(row)
        const first = Array.from({ length: column }, (_, i) => rowOf(0, i + 1))
        const own = Array.from({ length: level }, (_, i) => rowOf(i + 1, column))
        expect(seen).toEqual([...first, ...own])
        expect(seen.length).toBe(level + column)
      }
  })
})

test('a step drops the oldest level, adds what the target yielded, and gives the root its place', () => {
  const window = new JacobiWindow(3, 4, counted())
  // Rows of level 2 are 13 to 16.
  window.advance(1, 6, (row) => 1000 + row)
  expect([...window.riders(1).tokens]).toEqual([105, 106, 107, 108, 109, 110, 111, 1013, 1014, 1015, 1016])
})

test('of one level, the root is a row of the window that yields', () => {
  const window = new JacobiWindow(1, 3, counted())
  expect(window.advance(1, 5, (row) => 1000 + row)).toEqual([
    { before: 1, ngram: [1000] },
    { before: 101, ngram: [1005] },
    { before: 102, ngram: [1006] },
  ])
})

test('n-grams come when all their tokens are what the target yielded', () => {
  const window = new JacobiWindow(3, 2, counted())
  let pass = 0
  const step = () => {
    pass++
    // Behind a tree of one row, the rows of level 2 are 4 and 5.
    return window.advance(pass, 1, (row) => 1000 * pass + row)
  }
  expect(step()).toEqual([])
  expect(step()).toEqual([])
  expect(step()).toEqual([
    { before: 3, ngram: [1004, 2004, 3004] },
    { before: 105, ngram: [1005, 2005, 3005] },
  ])
  expect(step()).toEqual([
    { before: 4, ngram: [2004, 3004, 4004] },
    { before: 1005, ngram: [2005, 3005, 4005] },
  ])
})

test('narrows to the columns nearest to the root, down to none', () => {
  const window = new JacobiWindow(2, 4, counted())
  window.narrow(2)
  expect([...window.riders(1).tokens]).toEqual([101, 104, 105])
  window.narrow(3)
  expect(window.width).toBe(2)
  window.narrow(0)
  expect(window.advance(1, 1, () => 0)).toEqual([])
})
