import { expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import { payingTree } from './paying-tree.ts'

const limits = { maskCount: 2, rows: 16 }
const masksOf = ({ masks }: { readonly masks: readonly number[] }) => masks.reduce((a, b) => a + b, 0)

test('where masks are always wrong it stops to guess, and still tries them now and then', () => {
  const tree = payingTree({ target: passCosts(1, [[16, 4]]), masks: 0.1 }, limits)
  let levels = 0
  const riding: number[] = []
  for (let step = 0; step < 400; step++) {
    const shape = tree.choose(levels, 64)
    riding.push(masksOf(shape))
    tree.observe!(levels > 0 ? [-1] : [])
    levels = shape.masks[0]
  }
  expect(riding[0]).toBeGreaterThan(0)
  const late = riding.slice(-100).filter((count) => count > 0).length
  expect(late).toBeGreaterThan(1)
  expect(late).toBeLessThan(8)
})

test('where they are always right it guesses a chain with masks behind its end', () => {
  const tree = payingTree({ target: passCosts(1, [[16, 2]]), masks: 0.1 }, limits)
  for (let step = 0; step < 400; step++) {
    tree.choose(2, 64)
    tree.observe!([0, 0])
  }
  const { nodes, masks } = tree.choose(2, 64)
  expect(nodes.slice(0, 3).map(({ parent, rank }) => [parent, rank])).toEqual([
    [-1, 0],
    [0, 0],
    [1, 0],
  ])
  expect(masks[2]).toBe(2)
})

test('the rows it is given are the rows it keeps to', () => {
  const tree = payingTree({ target: passCosts(1, [[64, 1.01]]), masks: 0 }, limits)
  for (const rows of [1, 2, 5, 64]) {
    const { nodes, masks } = tree.choose(2, rows)
    expect(nodes.length + masksOf({ masks })).toBeLessThanOrEqual(Math.min(rows, limits.rows))
  }
})
