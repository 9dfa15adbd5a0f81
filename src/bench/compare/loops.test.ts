import { expect, test } from 'vitest'
import { endsInLoop } from './loops.ts'

const repeated = (period: number, length: number) => Array.from({ length }, (_, i) => i % period)

test.each([1, 2, 7, 8])('a text whose last 32 tokens repeat with period %d loops', (period) => {
  expect(endsInLoop([90, 91, 92, ...repeated(period, 32)])).toBe(true)
})

test('a text that is short, repeats more slowly, or has left its loop does not', () => {
  expect(endsInLoop(repeated(3, 31))).toBe(false)
  expect(endsInLoop(repeated(9, 64))).toBe(false)
  expect(endsInLoop([...repeated(3, 64), 90])).toBe(false)
})
