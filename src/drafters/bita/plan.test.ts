import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import type { Accuracy, BitaCosts } from './best-shape.ts'
import { type Decision, outlookOf } from './outlook.ts'
import { plan } from './plan.ts'
import { comb } from './trees.ts'

const flat: BitaCosts = { target: passCosts(1, [[64, 1.001]]), masks: 0 }
const steep: BitaCosts = { target: passCosts(1, [[64, 64]]), masks: 0.1 }
const limits = { maskCount: 3, rows: 64 }
const byRank: Accuracy = (depth, rank) => 0.6 * 0.3 ** rank * 0.8 ** (depth - 1)

const masksOf = ({ shape }: Decision) => shape.masks.reduce((a, b) => a + b, 0)

/** Tokens per time of fixed shapes, step by step. */
function simulated(decisions: readonly Decision[], steps = 20_000): number {
  let [tokens, time, levels] = [0, 0, 0]
  let state = 1
  const chance = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  for (let step = 0; step < steps; step++) {
    const { next, ...decision } = decisions[levels]
    tokens += decision.tokens
    time += decision.time
    const at = chance()
    const upTo = next.map((_, i) => next.slice(0, i + 1).reduce((a, b) => a + b))
    levels = chance() < 1 / 64 ? 0 : upTo.findIndex((sum) => at < sum)
    if (levels < 0) levels = next.length - 1
  }
  return tokens / time
}

/** What the published comb, always, is worth. */
function ofComb(accuracy: Accuracy, { target, masks: cost }: BitaCosts): Decision[] {
  return [0, 1, 2, 3].map((levels) => {
    const shape = comb(3).choose(levels, 64)
    const chances: number[] = []
    for (const [i, { parent, rank, depth }] of shape.nodes.entries())
      chances.push(i === 0 ? 1 : chances[parent] * accuracy(depth, rank))
    const rows = shape.nodes.length * 4
    const tokens = chances.reduce((a, b) => a + b)
    return { shape, tokens, time: target.v(rows) + cost, next: [0, 0, 0, 1] }
  })
}

test('the speed it foretells is that of steps made so', () => {
  for (const costs of [flat, steep, { target: passCosts(1, [[16, 1.6]]), masks: 0.2 }]) {
    const { decisions, outlook } = plan(byRank, costs, limits)
    expect(simulated(decisions) / outlook.speed).toBeCloseTo(1, 1)
  }
})

test('is improved under the process that it is valued under: beginning with no guesses is worth nothing more', () => {
  const { decisions, outlook } = plan(byRank, { target: passCosts(1, [[16, 1.6]]), masks: 0.02 }, limits)
  const { tokens, time, next } = decisions[0]
  expect(Math.max(...outlook.worth)).toBeGreaterThan(0.5)
  expect(
    tokens - outlook.speed * time + next.reduce((sum, chance, i) => sum + chance * outlook.worth[i], 0),
  ).toBeCloseTo(0, 9)
})

test('is never worth less than the published comb, nor than no masks', () => {
  const unit = fc.double({ min: 0.01, max: 0.9, noNaN: true })
  fc.assert(
    fc.property(unit, unit, unit, fc.double({ min: 0, max: 0.3, noNaN: true }), (first, fall, deeper, slope) => {
      const accuracy: Accuracy = (depth, rank) => first * (1 - first) ** rank * fall ** rank * deeper ** (depth - 1)
      const costs = { target: passCosts(1, [[64, 1 + 63 * slope]]), masks: slope }
      const { speed } = plan(accuracy, costs, limits).outlook
      expect(speed).toBeGreaterThan(0.999 * outlookOf(ofComb(accuracy, costs)).speed)
      expect(speed).toBeGreaterThan(0.999 / costs.target.v(1))
    }),
    { seed: 3, numRuns: 60 },
  )
})

describe('shapes', () => {
  test('where rows are free, all of them are used, and few of them where they are dear', () => {
    const wide = plan(byRank, flat, limits).decisions[3]
    expect(wide.shape.nodes.length + masksOf(wide)).toBeGreaterThan(48)
    const dear = plan(byRank, steep, limits).decisions
    for (const decision of dear) expect(masksOf(decision)).toBe(0)
  })

  test('masks ride where the text is likely to end: no more of them behind a node less likely', () => {
    const costs = { target: passCosts(1, [[64, 3]]), masks: 0.05 }
    const [{ shape }] = plan(byRank, costs, limits).decisions.slice(-1)
    const behind = (parent: number) => shape.nodes.findIndex((node) => node.parent === parent && node.rank === 0)
    const first = behind(0)
    const last = shape.nodes.length - 1
    expect(shape.masks[first]).toBeGreaterThan(0)
    expect(shape.masks[last]).toBeLessThanOrEqual(shape.masks[first])
  })

  test('parents come before children, siblings by rank, and nothing is deeper than what is told', () => {
    for (const [levels, { shape, next, tokens }] of plan(byRank, flat, limits).decisions.entries()) {
      expect(shape.nodes[0]).toEqual({ parent: -1, rank: 0, depth: 0 })
      for (const [i, { parent, rank, depth }] of shape.nodes.slice(1).entries()) {
        expect(parent).toBeLessThanOrEqual(i)
        expect(depth).toBe(shape.nodes[parent].depth + 1)
        expect(depth).toBeLessThanOrEqual(levels)
        const before = shape.nodes.slice(0, i + 1).filter((node) => node.parent === parent)
        expect(before).toHaveLength(rank)
      }
      expect(next.reduce((a, b) => a + b)).toBeCloseTo(1)
      expect(tokens).toBeGreaterThanOrEqual(1)
    }
  })
})
