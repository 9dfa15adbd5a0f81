import { expect, test } from 'vitest'
import { passCosts } from '../decoding/index.ts'
import { LivingCosts } from './living-costs.ts'

/** A row takes 2 ms, and each further one should take a twentieth of that. */
const target = passCosts(2, [[33, 2.6]])

test('where nobody looks at a clock costs are those that were measured', () => {
  const costs = new LivingCosts(target)
  expect(costs.observe({ rows: 5, drafting: 0.3 })).toBeCloseTo(1.2 + 0.3, 12)
  expect([costs.rows, costs.drafting]).toEqual([1, 1])
})

test('a step takes what the clock says', () => {
  const costs = new LivingCosts(target)
  expect(costs.observe({ rows: 5, drafting: 0.3 }, { draft: 0.8, pass: 2.6 })).toBeCloseTo(0.4 + 1.3, 12)
  expect(costs.observe({ rows: 1, drafting: 0 }, { draft: 0.1, pass: 2.2 })).toBeCloseTo(1.1, 12)
})

test('rows that take more than they should become dearer, whatever all passes take beside', () => {
  for (const slope of [0.5, 1, 2]) {
    const costs = new LivingCosts(target)
    for (let step = 0; step < 400; step++) {
      const rows = 1 + ((step * 7) % 24)
      costs.observe({ rows, drafting: 0.2 }, { draft: 0.6, pass: 2 * (1.2 + slope * (target.v(rows) - 1)) })
    }
    expect(costs.rows).toBeCloseTo(slope, 0)
    expect(Math.abs(costs.rows - slope)).toBeLessThan(0.25)
    expect(costs.drafting).toBeCloseTo(1.5, 1)
  }
})

test('passes that all have one number of rows say nothing of what a row adds', () => {
  const costs = new LivingCosts(target)
  for (let step = 0; step < 100; step++) costs.observe({ rows: 6, drafting: 0.1 }, { draft: 0.2, pass: 4 })
  expect(costs.rows).toBeCloseTo(1, 6)
})

test('one step that was disturbed is believed within reason', () => {
  const costs = new LivingCosts(target)
  for (let step = 0; step < 50; step++) {
    const rows = 1 + (step % 10)
    costs.observe({ rows, drafting: 0.1 }, { draft: 0.2, pass: 2 * target.v(rows) })
  }
  expect(costs.observe({ rows: 9, drafting: 0.1 }, { draft: 900, pass: 900 })).toBeLessThan(2.5 * 1.6)
  expect(costs.rows).toBeLessThan(1.7)
  expect(costs.drafting).toBeLessThan(1.2)
})

test('costs that were measured while something else ran are found out', () => {
  const disturbed = passCosts(2, [
    [8, 2.1],
    [16, 3.5],
  ])
  const costs = new LivingCosts(disturbed)
  for (let step = 0; step < 200; step++) {
    const rows = 1 + ((step * 5) % 14)
    costs.observe({ rows, drafting: 0 }, { draft: 0, pass: 2 * target.v(rows) })
  }
  expect(costs.rows * (disturbed.v(8) - disturbed.v(4))).toBeLessThan(2 * (target.v(8) - target.v(4)))
})
