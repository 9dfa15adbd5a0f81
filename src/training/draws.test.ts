import fc from 'fast-check'
import { expect, test } from 'vitest'
import { drawRows } from './draws.ts'

const at = [0, 0] as const

test('rows that weigh nothing are never drawn, all others when there are few, none twice, and always the same', () => {
  const weight = fc.constantFrom(0, 0.1, 1, 3)
  fc.assert(
    fc.property(fc.array(weight, { maxLength: 20 }), fc.nat(12), fc.nat(), (weights, count, seed) => {
      const given = Float32Array.from(weights)
      const rows = drawRows(given, count, { seed, at, kind: 6 })
      const heavy = weights.filter((w) => w > 0).length
      expect(rows).toHaveLength(Math.min(count, heavy))
      expect(rows.every((row) => weights[row] > 0)).toBe(true)
      expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b))
      expect(drawRows(given, count, { seed, at, kind: 6 })).toEqual(rows)
    }),
    { seed: 4 },
  )
})

test('the chance to be drawn first is the share of the weight', () => {
  const weights = Float32Array.of(1, 0, 3, 4)
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 4000; i++) counts[drawRows(weights, 1, { seed: 7, at: [i, 1], kind: 6 })[0]]++
  for (const [row, weight] of weights.entries()) expect(counts[row] / 4000).toBeCloseTo(weight / 8, 1)
})
