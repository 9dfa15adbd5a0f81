import fc from 'fast-check'
import { expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import { LivingCosts } from '../living-costs.ts'
import { CutToPay, type Sizes, sizesThatPay } from './sizes.ts'

test('the size is that of the most tokens per time, of all sizes there are', () => {
  const chance = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(fc.array(chance, { minLength: 1, maxLength: 12 }), chance, chance, (chances, slope, draft) => {
      const { v } = passCosts(1, [[13, 1 + 12 * slope]])
      const { best, bestGuessing } = sizesThatPay(chances, {
        plain: 1,
        guessing: (size) => draft * size + v(1 + size),
      })
      const speed = (size: number) =>
        chances.slice(0, size).reduce((sum, p) => sum + p, 1) / ((size > 0 ? draft * size : 0) + v(1 + size))
      const speeds = [0, ...chances.map((_, i) => i + 1)].map(speed)
      expect(speed(best)).toBeCloseTo(Math.max(...speeds), 9)
      expect(speed(bestGuessing)).toBeCloseTo(Math.max(...speeds.slice(1)), 9)
    }),
    { seed: 2 },
  )
})

test('where guessing does not pay it is tried ever more seldom, and thought over after sixteen steps', () => {
  let sizes: Sizes = { best: 0, bestGuessing: 2 }
  const cut = new CutToPay(new LivingCosts(passCosts(1, [[8, 2]]), { first: 0.5, next: 0 }), () => sizes)
  const next = () => {
    const size = cut.next()
    cut.observe({ rows: 1 + size, drafting: size > 0 ? 0 : undefined, tokens: 1 }, undefined, () => {
      sizes = { best: 3, bestGuessing: 3 }
    })
    return size
  }
  expect(Array.from({ length: 18 }, next)).toEqual([0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 3, 3])
})
