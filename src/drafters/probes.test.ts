import { expect, test } from 'vitest'
import { Probes } from './probes.ts'

/** Which of these steps guess, where nothing pays and tries win as `wins` says. */
function steps(probes: Probes, count: number, wins: () => boolean): boolean[] {
  return Array.from({ length: count }, () => {
    const guessed = probes.due
    probes.observe({ guessed, won: guessed && wins() })
    return guessed
  })
}
const places = (guessed: readonly boolean[]) => guessed.flatMap((is, i) => (is ? [i] : []))

test('tries are ever rarer while they are in vain', () => {
  const tries = places(steps(new Probes(), 400, () => false))
  expect(tries.slice(0, 5)).toEqual([4, 13, 30, 63, 128])
  expect(new Set(tries.slice(5).map((place, i) => place - tries[i + 4]))).toEqual(new Set([65]))
})

test('a try that wins has the next step try too', () => {
  const wins = [true, true, false]
  expect(places(steps(new Probes(), 14, () => wins.shift() ?? false))).toEqual([4, 5, 6])
})

test('guessing that pays makes tries frequent again', () => {
  const probes = new Probes()
  steps(probes, 400, () => false)
  while (probes.due) steps(probes, 1, () => false)
  probes.observe({ guessed: true, won: true })
  expect(places(steps(probes, 6, () => false))).toEqual([4])
})
