import { expect, test } from 'vitest'
import { fuzz } from './fuzz-run.ts'
import { fuzzSeeds } from './fuzz-seeds.ts'
import { mutate, randomFrom } from './mutate.ts'

test('2,000 damaged files are each refused cleanly or hold every promise', async () => {
  const { accepted, refused, crashes } = await fuzz(2000, 7)
  expect(crashes).toEqual([])
  expect(accepted + refused).toBe(2000)
  // A fuzzer whose inputs all fail at the first byte would prove nothing.
  expect(accepted).toBeGreaterThan(20)
})

test('equal seeds give equal inputs', () => {
  const seeds = fuzzSeeds()
  const inputs = (seed: number) =>
    Array.from({ length: 50 }, (_, i) => mutate(seeds[i % seeds.length], seeds, randomFrom(seed + i)))
  expect(inputs(3)).toEqual(inputs(3))
  expect(inputs(3)).not.toEqual(inputs(1000))
})
