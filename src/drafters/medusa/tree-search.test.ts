import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ShapeNode } from '../trees/shape.ts'
import { searchTree } from './tree-search.ts'

/** Accuracies by depth and rank. */
const tables = fc.array(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }), {
  minLength: 3,
  maxLength: 3,
})
const of = (table: readonly (readonly number[])[]) => (depth: number, rank: number) => table[depth - 1][rank]
const limits = { depth: 3, width: 3, guesses: 6 }

describe('the search', () => {
  test('gives every node once, after its parent, by chances that do not rise', () => {
    fc.assert(
      fc.property(tables, fc.integer({ min: 0, max: 60 }), (table, guesses) => {
        const { nodes, chances } = searchTree(of(table), { ...limits, guesses })
        // 3 + 9 + 27 is all there is.
        expect(nodes).toHaveLength(1 + Math.min(guesses, 39))
        const places = nodes.map(({ parent, rank }) => `${parent} ${rank}`)
        expect(new Set(places).size).toBe(nodes.length)
        for (const [i, { parent, rank, depth }] of nodes.entries()) {
          if (i === 0) continue
          expect(parent).toBeLessThan(i)
          expect(depth).toBe(nodes[parent].depth + 1)
          expect(rank).toBeLessThan(3)
          expect(chances[i]).toBeLessThanOrEqual(chances[i - 1])
        }
      }),
      { seed: 4 },
    )
  })

  test('finds the tree of the most expected tokens', () => {
    fc.assert(
      fc.property(tables, fc.array(fc.nat(), { minLength: 6, maxLength: 6 }), (table, choices) => {
        const sum = (values: readonly number[]) => values.reduce((a, b) => a + b)
        const found = sum(searchTree(of(table), limits).chances)
        // Any other tree of as many guesses: children of nodes that are there, in any order.
        const nodes: ShapeNode[] = [{ parent: -1, rank: 0, depth: 0 }]
        const chances = [1]
        for (const choice of choices) {
          const room = nodes.flatMap(({ depth }, parent) =>
            [0, 1, 2].flatMap((rank) => {
              const there = nodes.some((node) => node.parent === parent && node.rank === rank)
              return depth < 3 && !there ? [{ parent, rank, depth: depth + 1 }] : []
            }),
          )
          const node = room[choice % room.length]
          nodes.push(node)
          chances.push(chances[node.parent] * of(table)(node.depth, node.rank))
        }
        expect(sum(chances)).toBeLessThanOrEqual(found + 1e-9)
      }),
      { seed: 5, numRuns: 300 },
    )
  })

  test('goes deep where heads are sure, and wide where they are not', () => {
    const sure = searchTree((_, rank) => (rank === 0 ? 0.9 : 0.05), { depth: 5, width: 10, guesses: 5 })
    expect(sure.nodes.map(({ depth }) => depth)).toEqual([0, 1, 2, 3, 4, 5])
    const unsure = searchTree((_, rank) => 0.2 - 0.01 * rank, { depth: 5, width: 10, guesses: 5 })
    expect(unsure.nodes.map(({ depth }) => depth)).toEqual([0, 1, 1, 1, 1, 1])
  })
})
