import { describe, expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import { LivingCosts } from '../living-costs.ts'
import { AcceptanceByRank } from './acceptance-by-rank.ts'
import type { Growth } from './growth.ts'
import { bestSizes, payingStaticGrowth, staticGrowth } from './static-growth.ts'
import { expandedByLevel, publishedPaths, shapeOf } from './static-tree.ts'
import { growing, grown, type Table } from './tables.ts'

const published = shapeOf(publishedPaths)
const any: Table = () => ({ a: 0.4, b: 0.3, c: 0.2, d: 0.1 })
/** v grows by `slope` a row; a pass of the head costs `pass`. */
const costs = (slope: number, pass: number) => ({
  target: passCosts(1, [[65, 1 + 64 * slope]]),
  head: { first: () => pass, next: () => pass },
})

describe('the size', () => {
  test('is that of the most tokens per time', () => {
    const acceptance = new AcceptanceByRank(published)
    const order = acceptance.order()
    const chances = acceptance.chances()
    for (const slope of [0, 0.01, 0.05, 0.2])
      for (const pass of [0, 0.02, 0.2, 0.5]) {
        const { target, head } = costs(slope, pass)
        const speeds = order.map((_, size) => {
          const nodes = order.slice(0, size + 1)
          const tokens = nodes.reduce((sum, node) => sum + chances[node], 0)
          const passes = size === 0 ? 0 : expandedByLevel(published, nodes).length
          return tokens / (passes * pass + target.v(size + 1))
        })
        const living = new LivingCosts(target, { first: pass, next: pass })
        const { best } = bestSizes(published, order, acceptance, { living, head })
        expect(speeds[best]).toBeCloseTo(Math.max(...speeds), 12)
      }
  })

  test('is the whole tree where nothing costs anything, and smaller where rows or passes cost more', async () => {
    const size = async (slope: number, pass: number) =>
      (await growing(payingStaticGrowth(published, costs(slope, pass)), any)).tree.length
    expect(await size(0, 0)).toBe(25)
    expect(await size(0.1, 0.05)).toBeLessThan(await size(0.02, 0.05))
    expect(await size(0.02, 0.3)).toBeLessThan(await size(0.02, 0.05))
  })

  test('stays within the budget', async () => {
    for (const guesses of [1, 2, 7]) {
      const { tree } = await growing(payingStaticGrowth(published, costs(0, 0)), any, { guesses })
      expect(tree).toHaveLength(guesses)
    }
  })

  test('grows where guesses are accepted more often than expected, and shrinks where they are not', async () => {
    const sizeAfter = async (text: string) => {
      const growth = payingStaticGrowth(published, costs(0.05, 0.05))
      for (let step = 0; step < 64; step++) await grown(growth, any, {}, text)
      return (await growing(growth, any)).tree.length
    }
    const before = (await growing(payingStaticGrowth(published, costs(0.05, 0.05)), any)).tree.length
    expect(await sizeAfter('aaaaaa')).toBeGreaterThanOrEqual(5)
    expect(await sizeAfter('zzzzzz')).toBeLessThan(before)
  })
})

test('guesses nothing where nothing pays, but for a try now and then, and comes back when it pays again', async () => {
  const growth = payingStaticGrowth(published, costs(0.3, 0.3))
  const sizes = async (steps: number, text: string) => {
    const counts: number[] = []
    for (let step = 0; step < steps; step++) counts.push((await grown(growth, any, {}, text)).chosen.length - 1)
    return counts
  }
  await sizes(100, 'zzzzzz')
  const idle = await sizes(100, 'zzzzzz')
  expect(idle.filter((size) => size > 0).length).toBeGreaterThan(0)
  expect(idle.filter((size) => size > 0).length).toBeLessThan(4)
  expect((await sizes(1000, 'aaaaaa')).slice(-20).every((size) => size > 0)).toBe(true)
})

test('what a guess is worth is learnt by its place, and lent by its rank to places that were never seen', async () => {
  const shape = shapeOf(['0', '1', '00', '01'])
  const acceptance = new AcceptanceByRank(shape)
  const learning: Growth = {
    ...staticGrowth(shape, 1),
    observe: (tree) => acceptance.observe(tree),
  }
  const [, unlearnt, , unseen] = acceptance.chances()
  expect(unlearnt).toBeCloseTo(0.6)
  expect(unseen).toBeCloseTo(0.36)
  // Only the first guess is in the tree, and it is right each time.
  for (let step = 0; step < 50; step++) await grown(learning, any, {}, 'a')
  const [, first, second, below] = acceptance.chances()
  expect(first).toBeGreaterThan(0.9)
  expect(below).toBeGreaterThan(0.7)
  expect(second).toBeCloseTo(0.6 * 0.35)
})
