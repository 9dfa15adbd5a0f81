import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Falling } from './falling.ts'

test('holds the largest of all that was added, falling, the earlier one first among equals', () => {
  const value = fc.integer({ min: 0, max: 6 })
  fc.assert(
    fc.property(fc.array(value), fc.integer({ min: 1, max: 8 }), (added, most) => {
      const falling = new Falling(most).clear()
      for (const [node, value] of added.entries()) falling.add(value, node)
      const sorted = [...added.keys()].sort((a, b) => added[b] - added[a] || a - b).slice(0, most)
      const copy = new Falling(most + 2).copy(falling)
      for (const { values, nodes, length } of [falling, copy]) {
        expect(length).toBe(sorted.length)
        expect([...nodes.subarray(0, length)]).toEqual(sorted)
        expect([...values.subarray(0, length)]).toEqual(sorted.map((node) => added[node]))
      }
    }),
    { seed: 3 },
  )
})
