import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Target, TargetModel } from '../model/index.ts'
import { measureCosts, measureGuessCosts, passCosts } from './costs.ts'

/** A clock that only passes move, and a machine that gets slower with each of them. */
let clock = 0
let passes = 0
beforeEach(() => {
  clock = passes = 0
  vi.spyOn(performance, 'now').mockImplementation(() => clock)
})
afterEach(() => {
  vi.restoreAllMocks()
})

function timed(
  ms: (rows: number) => number,
  disposed: string[] = [],
  name = '',
  passed: () => void = () => {},
): TargetModel {
  const target: Partial<Target> = {
    capacity: 256,
    length: 128,
    async forward({ tokens }) {
      clock += ms(tokens.length) * (1 + passes++ / 50)
      passed()
      return {}
    },
    commit() {},
    dispose: () => disposed.push(name),
  }
  return { createTarget: () => target as Target } as TargetModel
}

test('v(T) is what passes take, in passes of one row, also on a machine that gets slower', async () => {
  const { v } = await measureCosts(timed((rows) => 2 + rows / 4))
  for (const rows of [1, 2, 4, 8, 32]) expect(v(rows)).toBeCloseTo((2 + rows / 4) / 2.25, 1)
})

test('guesses cost what they take in turns with the target: the first behind its pass more than the next', async () => {
  const disposed: string[] = []
  let cold = true
  const small = timed(
    () => (cold ? 1.5 : 1),
    disposed,
    'small',
    () => {
      cold = false
    },
  )
  const large = timed(
    () => 4,
    disposed,
    'large',
    () => {
      cold = true
    },
  )
  const { first, next } = await measureGuessCosts(small, 'top', large)
  expect(first).toBeCloseTo(1.5 / 4, 1)
  expect(next).toBeCloseTo(1 / 4, 1)
  expect(next).toBeLessThan(0.8 * first)
  expect(disposed).toEqual(['large', 'small'])
})

test('between measured points v goes straight, behind the last one on, and never falls', () => {
  const { v, rowMs } = passCosts(3, [
    [2, 0.9],
    [4, 2],
    [8, 3],
  ])
  expect(rowMs).toBe(3)
  expect([1, 2, 3, 4, 6, 8, 12].map(v)).toEqual([1, 1, 1.5, 2, 2.5, 3, 4])
  expect([1, 9].map(passCosts(1, []).v)).toEqual([1, 1])
})

test('a point that something disturbed does not make all larger passes dear', () => {
  const { v } = passCosts(1, [
    [2, 1.1],
    [4, 3.6],
    [8, 1.7],
    [16, 2.6],
  ])
  expect([1, 2, 4, 8, 16].map(v)).toEqual([1, 1.1, 1.7, 1.7, 2.6])
})
