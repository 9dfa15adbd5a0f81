import { describe, expect, test } from 'vitest'
import { comb, cut } from './trees.ts'

const pathsOf = ({ nodes }: ReturnType<ReturnType<typeof comb>['choose']>) =>
  nodes.map((node) => {
    const path: number[] = []
    for (let at = node; at.parent >= 0; at = nodes[at.parent]) path.unshift(at.rank)
    return path.join('')
  })

describe('the published comb', () => {
  test('of three masks: 12 guesses, behind the likeliest of each level, and 39 masks', () => {
    const shape = comb(3).choose(3, 64)
    expect(pathsOf(shape)).toEqual(['', '0', '1', '2', '3', '4', '00', '01', '02', '03', '000', '001', '002'])
    expect(shape.masks).toEqual(new Array(13).fill(3))
  })

  test('of four masks: 14 guesses, 60 masks', () => {
    const { nodes, masks } = comb(4).choose(4, 100)
    expect(nodes).toHaveLength(15)
    expect(masks.reduce((a, b) => a + b)).toBe(60)
  })

  test('guesses nothing for depths that no mask told of', () => {
    expect(pathsOf(comb(3).choose(0, 64))).toEqual([''])
    expect(pathsOf(comb(3).choose(1, 64))).toEqual(['', '0', '1', '2', '3', '4'])
  })

  test('is no deeper than it is wide', () => {
    expect(pathsOf(comb(3, 2).choose(3, 64))).toEqual(['', '0', '1', '00'])
  })
})

test('in few rows guesses go before masks, and near ones before far ones', () => {
  const shape = comb(3).choose(3, 64)
  expect(cut(shape, 64)).toEqual(shape)
  expect(cut(shape, 18).masks).toEqual([3, 2, ...new Array(11).fill(0)])
  const few = cut(shape, 3)
  expect(pathsOf(few)).toEqual(['', '0', '1'])
  expect(few.masks).toEqual([0, 0, 0])
})
