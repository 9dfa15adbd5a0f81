import { expect, test } from 'vitest'
import { NgramPool } from './ngram-pool.ts'

test('finds n-grams by the token before them, newest first', () => {
  const pool = new NgramPool(2, 4)
  pool.add(1, [2, 3])
  pool.add(1, [4, 5])
  pool.add(7, [8, 9])
  expect(pool.after(1)).toEqual([
    [4, 5],
    [2, 3],
  ])
  expect(pool.after(7)).toEqual([[8, 9]])
  expect(pool.after(2)).toEqual([])
})

test('keeps of each token as many as it may, and forgets the one that was not added for longest', () => {
  const pool = new NgramPool(2, 2)
  pool.add(1, [2, 2])
  pool.add(9, [2, 2])
  pool.add(1, [3, 3])
  pool.add(1, [2, 2])
  pool.add(1, [4, 4])
  expect(pool.after(1)).toEqual([
    [4, 4],
    [2, 2],
  ])
  expect(pool.after(9)).toEqual([[2, 2]])
})

test('reads every n-gram of a text, also across the pieces in which it comes', () => {
  const pool = new NgramPool(2, 4)
  for (const piece of [[1], [2], [], [3, 1, 2], [5]]) pool.append(piece)
  expect(pool.after(1)).toEqual([
    [2, 5],
    [2, 3],
  ])
  expect(pool.after(2)).toEqual([[3, 1]])
  expect(pool.after(3)).toEqual([[1, 2]])
  expect(pool.after(5)).toEqual([])
})

test('single tokens are n-grams too', () => {
  const pool = new NgramPool(1, 2)
  pool.append([1, 2, 1, 3])
  expect(pool.after(1)).toEqual([[3], [2]])
})

test('a run that is no part of the text gives what follows each of its tokens, cut where it ends', () => {
  const pool = new NgramPool(3, 2)
  pool.learn([1, 2, 3, 4, 5, 6])
  expect([1, 2, 3, 4, 5, 6].map((token) => pool.after(token))).toEqual([
    [[2, 3, 4]],
    [[3, 4, 5]],
    [[4, 5, 6]],
    [[5, 6]],
    [],
    [],
  ])
  pool.learn([1, 2])
  expect(pool.after(1)).toEqual([[2, 3, 4]])
})
