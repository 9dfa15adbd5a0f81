import { expect, test } from 'vitest'
import { Calibration } from './calibration.ts'
import { type Candidate, Candidates } from './candidates.ts'
import { dynamicTree } from './dynamic-tree.ts'
import type { Growth } from './growth.ts'
import { grown, type Table } from './tables.ts'

const table: Table = () => ({ a: 0.85, b: 0.08, c: 0.04 })
const root = new Candidates(0).at(0)

/** A guess of the table, or of another probability and rank. */
function guess(probability: number, rank = [0.85, 0.08, 0.04].indexOf(probability)): Candidate {
  return { token: 0, logProbability: Math.log(probability), parent: 0, depth: 1, rank, score: 0 }
}

/** What is learnt from steps of a tree of four guesses, whose target writes these texts. */
async function after(steps: number, ...texts: string[]): Promise<Calibration> {
  const calibration = new Calibration()
  const growth: Growth = {
    ...dynamicTree({ rows: 5, depth: 3, width: 3 }),
    observe: (tree) => calibration.observe(tree),
  }
  for (let step = 0; step < steps; step++) await grown(growth, table, {}, texts[step % texts.length])
  return calibration
}

test('before anything is seen the head is believed', () => {
  const calibration = new Calibration()
  for (const p of [0, 0.1, 0.5, 0.93, 1]) expect(calibration.chance(guess(p, 0))).toBeCloseTo(p, 12)
  expect(calibration.bestChild(root)).toBeCloseTo(0.7)
})

test('chances become what frequencies are, each in its bin, also of guesses that did not enter the tree', async () => {
  // The first token is a in three of four, c in one; nothing behind it was guessed right.
  const calibration = await after(400, 'a', 'a', 'a', 'c')
  // One a in two is right where a was written: behind the first one comes none.
  expect(calibration.chance(guess(0.85))).toBeCloseTo(300 / 700, 1)
  expect(calibration.chance(guess(0.08))).toBeLessThan(0.02)
  expect(calibration.chance(guess(0.04))).toBeCloseTo(100 / 700, 1)
  expect(calibration.chance(guess(0.5, 0))).toBeCloseTo(0.5, 12)
  expect(calibration.bestChild(root)).toBeCloseTo(0.75, 1)
  expect(calibration.anyBestChild).toBeCloseTo(300 / 700, 1)
})

test('the best child is the one that is known to be, whatever the head says', async () => {
  const calibration = await after(100, 'b')
  expect(calibration.chance(guess(0.08))).toBeGreaterThan(calibration.chance(guess(0.85)))
  expect(calibration.bestChild(root)).toBeGreaterThan(0.8)
})

test('ranks are told apart: a second child says less than a best one of the same probability', async () => {
  const even: Table = () => ({ a: 0.4, b: 0.38 })
  const calibration = new Calibration()
  const growth: Growth = {
    ...dynamicTree({ rows: 3, depth: 1, width: 2 }),
    observe: (tree) => calibration.observe(tree),
  }
  for (let step = 0; step < 100; step++) await grown(growth, even, {}, step % 4 === 0 ? 'b' : 'a')
  expect(calibration.chance(guess(0.39, 0))).toBeCloseTo(0.75, 1)
  expect(calibration.chance(guess(0.39, 1))).toBeCloseTo(0.25, 1)
})
