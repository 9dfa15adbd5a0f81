import { expect, test } from 'vitest'
import { passCosts, type StepTimes } from '../decoding/index.ts'
import { LivingCosts } from './living-costs.ts'

/** A row takes 2 ms, and each further one should take a twentieth of that. */
const target = passCosts(2, [[33, 2.6]])
const guess = { first: 0.3, next: 0.1 }
const living = (costs = target) => new LivingCosts(costs, guess)
const plainWork = { rows: 1, drafting: undefined, tokens: 1 }

/** Steps of 2 to 13 rows and as many passes, with what they take in passes of one row; tokens as told. */
function guessed(
  costs: LivingCosts,
  steps: number,
  took: (rows: number, passes: number) => StepTimes,
  tokens = 3,
): void {
  for (let step = 0; step < steps; step++) {
    const rows = 2 + ((step * 7) % 12)
    const passes = (step * 5) % 6
    const { draft, pass } = took(rows, passes)
    costs.observe({ rows, drafting: passes * guess.next, tokens }, { draft: 2 * draft, pass: 2 * pass })
  }
}

test('where nobody looks at a clock costs are those that were measured', () => {
  const costs = living()
  for (let step = 0; step < 100; step++) costs.observe({ rows: 5, drafting: 0.2, tokens: 3 })
  costs.observe(plainWork)
  expect([costs.rows, costs.drafting, costs.plain]).toEqual([1, 1, 1])
  expect(costs.entry).toBeCloseTo(0.3, 12)
  expect(costs.guessing(5, 0.2)).toBeCloseTo(1.2 + 0.3 + 0.2, 12)
  expect(costs.speed).toBeGreaterThan(1.5)
  expect(costs.doubts).toBe(false)
})

test('rows and passes cost what the clock says they add', () => {
  for (const share of [0.5, 1, 2]) {
    const costs = living()
    guessed(costs, 300, (rows, passes) => ({
      draft: guess.first + share * passes * guess.next,
      pass: 1 + share * (target.v(rows) - 1),
    }))
    expect(Math.abs(costs.rows - share)).toBeLessThan(0.35)
    expect(Math.abs(costs.drafting - share)).toBeLessThan(0.35)
  }
})

test('what guessing slows a step down by, whatever its size, is the price to begin', () => {
  const costs = living()
  const plain = () => {
    for (let step = 0; step < 40; step++) costs.observe(plainWork, { draft: 0, pass: 2 })
  }
  plain()
  // The draft as told; each pass takes half a pass longer than told.
  guessed(costs, 200, (rows, passes) => ({
    draft: guess.first + passes * guess.next,
    pass: 0.5 + target.v(rows),
  }))
  expect(Math.abs(costs.entry - (guess.first + 0.5))).toBeLessThan(0.1)
  expect(Math.abs(costs.rows - 1)).toBeLessThan(0.2)
  plain()
  expect(Math.abs(costs.plain - 1)).toBeLessThan(0.06)
})

test('a machine of another speed than was measured changes no comparison', () => {
  for (const pace of [0.5, 1, 2]) {
    const costs = living()
    for (let step = 0; step < 40; step++) costs.observe(plainWork, { draft: 0, pass: 2 * pace })
    guessed(costs, 200, (rows, passes) => ({
      draft: pace * (guess.first + passes * guess.next),
      pass: pace * target.v(rows),
    }))
    expect(Math.abs(costs.plain / pace - 1)).toBeLessThan(0.06)
    expect(Math.abs(costs.entry / pace - guess.first)).toBeLessThan(0.15)
    expect(Math.abs(costs.speed * costs.guessing(7, 0.2) - 3)).toBeLessThan(0.5)
  }
})

test('time is worth at least what steps without guesses win', () => {
  const costs = living()
  for (let step = 0; step < 40; step++) costs.observe(plainWork, { draft: 0, pass: 2 })
  guessed(costs, 200, (rows) => ({ draft: 1, pass: 2 * target.v(rows) }), 1)
  expect(costs.speed).toBeGreaterThan(0.9)
  expect(costs.speed).toBeLessThan(1.1)
})

test('steps without guesses are due where they might win as much, and only there', () => {
  const due = (tokens: number) => {
    const costs = living()
    guessed(costs, 63, (rows) => ({ draft: 0.4, pass: target.v(rows) }), tokens)
    expect(costs.doubts).toBe(false)
    guessed(costs, 1, (rows) => ({ draft: 0.4, pass: target.v(rows) }), tokens)
    return costs
  }
  expect(due(8).doubts).toBe(false)
  const costs = due(2)
  const answers = Array.from({ length: 4 }, () => {
    const before = costs.doubts
    costs.observe(plainWork, { draft: 0, pass: 2 })
    return before
  })
  expect([...answers, costs.doubts]).toEqual([true, true, true, true, false])
})

test('one step that was disturbed is believed within reason', () => {
  const costs = living()
  guessed(costs, 60, (rows, passes) => ({ draft: guess.first + passes * guess.next, pass: target.v(rows) }))
  const before = [costs.rows, costs.entry, costs.speed]
  costs.observe({ rows: 9, drafting: 0.2, tokens: 3 }, { draft: 900, pass: 900 })
  for (const [i, after] of [costs.rows, costs.entry, costs.speed].entries())
    expect(Math.abs(after - before[i])).toBeLessThan(0.2)
})
