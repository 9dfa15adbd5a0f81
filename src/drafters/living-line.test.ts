import fc from 'fast-check'
import { expect, test } from 'vitest'
import { believed, LivingLine } from './living-line.ts'

test('is the line that was given until it has seen another', () => {
  const line = new LivingLine({ height: 1, slope: 2, at: 0.5 })
  expect([line.height, line.slope]).toEqual([1, 2])
  for (let i = 0; i < 20; i++) line.learn(i / 10, 1 + (2 * i) / 10)
  expect(line.height).toBeCloseTo(1, 9)
  expect(line.slope).toBeCloseTo(2, 9)
})

test('comes near any line that its points are on', () => {
  const number = fc.double({ min: 0.7, max: 1.4, noNaN: true })
  fc.assert(
    fc.property(number, number, number, number, (h0, s0, height, slope) => {
      const line = new LivingLine({ height: h0, slope: s0, at: 1 })
      for (let i = 0; i < 600; i++) line.learn((i * 7) % 5, height + slope * ((i * 7) % 5))
      expect(Math.abs(line.height - height)).toBeLessThan(0.15 * (height + slope))
      expect(Math.abs(line.slope - slope)).toBeLessThan(0.15 * (height + slope))
    }),
    { seed: 1, numRuns: 200 },
  )
})

test('where all is slower alike it is the given line, higher and steeper', () => {
  for (const pace of [0.5, 2]) {
    const line = new LivingLine({ height: 1, slope: 0.4, at: 1 })
    for (let i = 0; i < 200; i++) line.learn(i % 5, pace * (1 + 0.4 * (i % 5)))
    expect(line.height / pace).toBeCloseTo(1, 1)
    expect(line.slope / pace).toBeCloseTo(0.4, 1)
  }
})

test('points of one place tell how high it is there', () => {
  const line = new LivingLine({ height: 1, slope: 1, at: 0 })
  for (let i = 0; i < 300; i++) line.learn(0, 2)
  expect(line.height).toBeCloseTo(2, 1)
  const there = new LivingLine({ height: 1, slope: 1, at: 1 })
  for (let i = 0; i < 300; i++) there.learn(1, 4)
  expect(there.height + there.slope).toBeCloseTo(4, 0)
})

test('what is far from what was expected is believed in part', () => {
  expect([believed(100, 2), believed(0, 2), believed(2.1, 2)]).toEqual([2.6, 1.4, 2.1])
  const line = new LivingLine({ height: 2, slope: 0, at: 1 })
  expect(line.learn(0, 100)).toBeCloseTo(2.6)
})
