import { expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import { chooseConfiguration } from './configuration.ts'

const choice = (points: readonly (readonly [number, number])[]) => {
  const { window, ngram, guesses } = chooseConfiguration(passCosts(1, points))
  return [window, ngram, guesses]
}

test('rows that cost nothing are all taken', () => {
  expect(choice([[64, 1]])).toEqual([10, 5, 4])
})

test('where every row costs a pass, as few as there can be', () => {
  expect(choice([[64, 64]])).toEqual([1, 3, 2])
})

test('rows are taken up to where they begin to cost', () => {
  const flatUntil = (rows: number) =>
    choice([
      [rows, 1],
      [rows + 1, 1.5],
      [64, 10],
    ])
  expect(flatUntil(8)).toEqual([1, 5, 2])
  expect(flatUntil(12)).toEqual([2, 5, 2])
  expect(flatUntil(21)).toEqual([4, 5, 4])
})
