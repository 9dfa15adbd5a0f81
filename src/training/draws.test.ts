import { expect, test } from 'vitest'
import { batchPlace, drawOrder, drawRows, type Place, uniforms } from './draws.ts'

const place: Place = { seed: 1, at: [0, 0], kind: 6 }

test('an order is of all items that weigh anything, and follows from its place', () => {
  const weights = [1, 0, 2, 1, 0.5]
  const order = drawOrder(weights, place)
  expect([...order].sort()).toEqual([0, 2, 3, 4])
  expect(drawOrder(weights, place)).toEqual(order)
  expect(drawRows(weights, 2, place)).toEqual(order.slice(0, 2).sort())
  expect(drawRows(weights, 9, place)).toEqual([0, 2, 3, 4])
  const orders = Array.from({ length: 20 }, (_, i) => drawOrder(weights, { ...place, at: [0, i] }).join())
  expect(new Set(orders).size).toBeGreaterThan(5)
})

test('an item comes first as often as its weight says', () => {
  const first = [0, 0, 0]
  for (let i = 0; i < 4000; i++) first[drawOrder([1, 2, 5], { ...place, at: [i, 0] })[0]]++
  expect(first[0] / 4000).toBeCloseTo(1 / 8, 1)
  expect(first[1] / 4000).toBeCloseTo(2 / 8, 1)
  expect(first[2] / 4000).toBeCloseTo(5 / 8, 1)
})

test('numbers of two kinds, seeds, places or items have nothing in common', () => {
  const draw = (changes: Partial<Place>, item = 3) => uniforms({ ...place, ...changes })(item)
  const all = [
    draw({}),
    draw({ kind: 7 }),
    draw({ seed: 2 }),
    draw({ seed: 2 ** 33 + 1 }),
    draw({ at: [1, 0] }),
    draw({}, 4),
  ]
  expect(new Set(all).size).toBe(all.length)
  for (const value of all) expect(value >= 0 && value < 1).toBe(true)
  expect(batchPlace({ epoch: 2, index: 7 })).toEqual([2, 7])
  expect(batchPlace(undefined)).not.toEqual(batchPlace({ epoch: 0, index: 0 }))
})
