import { describe, expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import { expectedTree, type MedusaCosts, type MedusaTree, payingTree } from './trees.ts'

/** v grows by `slope` a row. */
const costs = (slope: number, heads: number): MedusaCosts => ({ target: passCosts(1, [[65, 1 + 64 * slope]]), heads })
const free = costs(0, 0)

test('a tree of fixed shape keeps within what it may hold, and its first guesses are the likelier ones', () => {
  expect(expectedTree(4).choose(100)).toHaveLength(64)
  const eight = expectedTree(4, 8)
  expect(eight.choose(100)).toHaveLength(9)
  expect(eight.choose(3)).toEqual(eight.choose(100).slice(0, 4))
  expect(
    Math.max(
      ...expectedTree(2)
        .choose(100)
        .map(({ depth }) => depth),
    ),
  ).toBe(2)
})

describe('a tree that pays', () => {
  test('is large where rows are free, and smaller where rows or heads cost more', () => {
    const size = (slope: number, heads: number) => payingTree(4, costs(slope, heads)).choose(100).length
    expect(size(0, 0)).toBe(64)
    expect(size(0.1, 0.1)).toBeLessThan(size(0.02, 0.1))
    expect(size(0.1, 0.1)).toBeGreaterThan(1)
  })

  test('keeps within what it may hold', () => {
    expect(payingTree(4, free).choose(5)).toHaveLength(6)
  })

  test('becomes a chain for heads that are always right, whatever the rank is that is', () => {
    const sure = payingTree(4, costs(0.05, 0.1))
    const second = payingTree(4, costs(0.05, 0.1))
    for (let step = 0; step < 64; step++) {
      sure.choose(63)
      sure.observe!([0, 0, 0, 0], { rows: 5, tokens: 5 })
      second.choose(63)
      second.observe!([1, 0, 0, 0], { rows: 5, tokens: 5 })
    }
    const ranks = (tree: MedusaTree) => tree.choose(63).map(({ rank, depth }) => `${depth}:${rank}`)
    expect(ranks(sure)).toEqual(['0:0', '1:0', '2:0', '3:0', '4:0'])
    expect(ranks(second)).toEqual(['0:0', '1:1', '2:0', '3:0', '4:0'])
  })

  test('gives up where guessing does not pay, tries every now and then, and comes back', () => {
    const tree = payingTree(3, costs(0.1, 0.2))
    const step = (right: boolean) => {
      const guesses = tree.choose(63).length - 1
      const ranks = guesses === 0 ? [] : right ? [0, 0, 0] : [-1]
      tree.observe!(ranks, { rows: 1 + guesses, tokens: guesses > 0 && right ? 4 : 1 })
      return guesses
    }
    for (let i = 0; i < 400; i++) step(false)
    const poor = Array.from({ length: 150 }, () => step(false))
    const tries = poor.filter((guesses) => guesses > 0).length
    expect(tries).toBeGreaterThan(0)
    expect(tries).toBeLessThan(4)
    for (let i = 0; i < 1500; i++) step(true)
    expect(Array.from({ length: 20 }, () => step(true)).every((guesses) => guesses > 0)).toBe(true)
  })
})
