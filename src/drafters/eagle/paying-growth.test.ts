import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import { payingGrowth } from './paying-growth.ts'
import { growing, grown, type Table } from './tables.ts'

/** v grows by `slope` a row; a pass of the head costs `pass`. */
const costs = (slope: number, pass: number) => ({
  target: passCosts(1, [[129, 1 + 128 * slope]]),
  head: { first: () => pass, next: () => pass },
})
/** Children with these probabilities everywhere. */
const everywhere =
  (...probabilities: number[]): Table =>
  () =>
    Object.fromEntries(probabilities.map((p, i) => ['abcdefghij'[i], p]))

describe('guesses nothing, and asks the head nothing', () => {
  test.each([
    ['where a row costs more than a guess can win', 1, 0],
    ['where the head costs as much as the target', 0, 1],
    ['where both together do', 0.4, 0.6],
  ])('%s', async (_, slope, pass) => {
    const { tree, passes } = await growing(payingGrowth(costs(slope, pass)), everywhere(0.9, 0.1))
    expect([tree, passes]).toEqual([[], []])
  })
})

test('asks the head once where its first word is that nothing is likely', async () => {
  const { tree, passes } = await growing(payingGrowth(costs(0.2, 0.1)), everywhere(...new Array(10).fill(0.1)))
  expect([tree, passes]).toEqual([[], [['']]])
})

test('a guess is worth its row while its chance exceeds that of what the time would win elsewhere', async () => {
  // S = 1 before anything is seen: of 0.5, 0.3, 0.1, 0.05 those above the slope.
  const sizes = [0.4, 0.2, 0.08, 0.01].map(async (slope) => {
    const flat: Table = (path) => (path === '' ? { a: 0.5, b: 0.3, c: 0.1, d: 0.05 } : {})
    return (await growing(payingGrowth(costs(slope, 0.1)), flat)).tree
  })
  expect(await Promise.all(sizes)).toEqual([['a'], ['a', 'b'], ['a', 'b', 'c'], ['a', 'b', 'c', 'd']])
})

test('goes deep where the head is sure, and wide where it is not', async () => {
  const sure = await growing(payingGrowth(costs(0.05, 0.05)), everywhere(0.95, 0.02, 0.01), { guesses: 12 })
  const unsure = await growing(payingGrowth(costs(0.05, 0.05)), everywhere(0.3, 0.25, 0.2, 0.15), { guesses: 12 })
  const depth = ({ tree }: { tree: readonly string[] }) => Math.max(...tree.map((path) => path.length))
  const width = ({ tree }: { tree: readonly string[] }) => tree.filter((path) => path.length === 1).length
  expect(depth(sure)).toBeGreaterThan(2 * depth(unsure))
  expect(width(sure)).toBe(1)
  expect(width(unsure)).toBeGreaterThan(2)
})

test('a dear row does not hide cheap ones behind it', async () => {
  const step = passCosts(1, [
    [2, 1.9],
    [8, 1.95],
  ])
  const flat: Table = (path) => (path === '' ? { a: 0.4, b: 0.3, c: 0.25 } : {})
  const { tree } = await growing(payingGrowth({ target: step, head: { first: () => 0, next: () => 0 } }), flat)
  expect(tree).toEqual(['a', 'b', 'c'])
})

test('of any head, at any costs: within the budget, rows of the likeliest paths, and an end', async () => {
  const probability = fc.integer({ min: 1, max: 99 }).map((p) => p / 100)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(probability, { maxLength: 10 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 30 }),
      fc.constantFrom(0, 0.01, 0.1, 0.5),
      fc.constantFrom(0, 0.05, 0.3),
      fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'z'), minLength: 1, maxLength: 8 }),
      async (rows, guesses, slope, pass, text) => {
        const table: Table = (path) => everywhere(...rows[path.length % rows.length].toSorted((a, b) => b - a))(path)
        const growth = payingGrowth(costs(slope, pass))
        for (let step = 0; step < 6; step++) {
          const { candidates, chosen, passes } = await grown(growth, table, { guesses }, text)
          expect(chosen.length).toBeLessThanOrEqual(guesses + 1)
          expect(chosen.toSorted((a, b) => a - b)).toEqual(chosen)
          // A tree that lacks a parent cannot be built.
          expect(candidates.tree(chosen).size).toBe(chosen.length)
          // A level for each guess that could stand behind another, and the root's.
          expect(passes.length).toBeLessThanOrEqual(guesses)
          expect(passes.every((nodes) => nodes.length <= 10)).toBe(true)
        }
      },
    ),
    { seed: 4, numRuns: 300 },
  )
})

describe('learns from what became of guesses', () => {
  const table = everywhere(0.7, 0.2, 0.1)
  const sizeAfter = async (steps: number, text: string) => {
    const growth = payingGrowth(costs(0.1, 0.1))
    for (let step = 0; step < steps; step++) await grown(growth, table, {}, text)
    return (await growing(growth, table)).tree.length
  }

  test('more where they come true, fewer where they do not', async () => {
    const before = await sizeAfter(0, '')
    expect(before).toBeGreaterThan(0)
    expect(await sizeAfter(60, 'zzz')).toBe(0)
    // The third one is always right, though the head says otherwise.
    const growth = payingGrowth(costs(0.1, 0.1))
    for (let step = 0; step < 100; step++) await grown(growth, table, {}, 'ccccccccc')
    expect((await growing(growth, table)).tree[0]).toBe('c')
  })

  test('asks the head now and then when nothing pays, and comes back when it pays again', async () => {
    const growth = payingGrowth(costs(0.3, 0.2))
    const step = async (text: string) => grown(growth, table, {}, text)
    for (let i = 0; i < 100; i++) await step('zzz')
    const idle: number[] = []
    for (let i = 0; i < 150; i++) idle.push((await step('zzz')).passes.length)
    const tries = idle.filter((passes) => passes > 0)
    expect(tries.every((passes) => passes === 1)).toBe(true)
    expect(tries.length).toBeGreaterThan(0)
    expect(tries.length).toBeLessThan(4)
    for (let i = 0; i < 1500; i++) await step('aaaaaaaaaaaaaaaa')
    expect((await step('aaaaaaaaaaaaaaaa')).chosen.length).toBeGreaterThan(1)
  })
})
