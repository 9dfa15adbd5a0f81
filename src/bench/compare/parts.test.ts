import { describe, expect, test } from 'vitest'
import { decompose, deviationOf, endToEndOf, measuredSpeedup, speedupOf, tolerance } from './parts.ts'
import { draftedRun, plainRun, runOf, step } from './tiny.ts'

describe('the parts of a speedup', () => {
  test('are times per step in units of a pass of plain decoding', () => {
    const parts = decompose([{ plain: plainRun, drafted: draftedRun }])
    const expected = { tau: 3, D: 0.3, v: 1.25, h: 0.1, plainH: 0.05, predicted: (3 * 1.05) / 1.65 }
    for (const [name, value] of Object.entries(expected)) expect(parts).toHaveProperty(name, expect.closeTo(value, 12))
  })

  test('make up the speedup exactly, whatever the steps were', () => {
    const drafted = runOf([step(1, 4, 3.1, 2.7, 0.01), step(5, 4, 0.4, 9.3, 1.2), step(2, 1, 0, 2.2, 0.3)])
    const plain = runOf([step(1, 0, 0.002, 1.9, 0.2), step(1, 0, 0.001, 2.6, 0.02), step(1, 0, 0, 1.4, 0.7)])
    const pair = { plain, drafted }
    expect(decompose([pair]).predicted).toBeCloseTo(speedupOf(pair), 12)
    expect(deviationOf(pair)).toBeCloseTo(0, 12)
  })

  test('of several runs are in the unit of each: a machine that slows down by half changes nothing', () => {
    const slow = (ms: number) => 2 * ms
    const steps = (factor: (ms: number) => number) => ({
      plain: runOf(Array.from({ length: 12 }, () => step(1, 0, 0, factor(2), factor(0.1)))),
      drafted: runOf(Array.from({ length: 4 }, () => step(3, 3, factor(0.6), factor(2.5), factor(0.2)))),
    })
    const once = decompose([steps((ms) => ms)])
    const both = decompose([steps((ms) => ms), steps(slow)])
    for (const [name, value] of Object.entries(once)) expect(both).toHaveProperty(name, expect.closeTo(value, 12))
  })

  test('of runs that differ make up what the clock says of all together', () => {
    const other = {
      plain: runOf([step(1, 0, 0, 3, 1), step(1, 0, 0, 5, 0.5)]),
      drafted: runOf([step(2, 3, 1, 7, 0.4)]),
    }
    const pairs = [{ plain: plainRun, drafted: draftedRun }, other]
    expect(decompose(pairs).predicted).toBeCloseTo(measuredSpeedup(pairs), 12)
    expect(decompose(pairs).predicted).not.toBeCloseTo(speedupOf(other), 1)
  })
})

test('time that no step counts shows as a deviation', () => {
  const steps = Array.from({ length: 4 }, () => step(3, 3, 0.6, 2.5, 0.2))
  const leaking = runOf(steps, { leakMs: 0.1 * draftedRun.decodeMs })
  expect(deviationOf({ plain: plainRun, drafted: leaking })).toBeCloseTo(0.1, 12)
  expect(deviationOf({ plain: plainRun, drafted: leaking })).toBeGreaterThan(tolerance)
})

test('end to end, the prompt counts on both sides', () => {
  const drafted = runOf([step(3, 3, 0, 3, 0)], { prefillMs: 9 })
  const plain = runOf([step(1, 0, 0, 6, 0)], { prefillMs: 6 })
  expect(endToEndOf({ plain, drafted })).toBeCloseTo(12 / 4, 12)
})
