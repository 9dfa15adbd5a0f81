import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expMinus, nucleus } from './nucleus.ts'

/** Holtzman et al. read literally: sort, add up, stop. */
function naive(logits: Float32Array, max: number, temperature: number, topP: number, candidates: Int32Array): number {
  const sorted = [...candidates].sort((a, b) => logits[b] - logits[a] || a - b)
  const weights = sorted.map((token) => Math.exp((logits[token] - max) / temperature))
  const total = weights.reduce((a, b) => a + b)
  let sum = 0
  for (const [i, token] of sorted.entries()) {
    sum += weights[i]
    if (sum >= topP * total) return token
  }
  return sorted[sorted.length - 1]
}

function check(logits: Float32Array, temperature: number, topP: number, candidates: Int32Array): void {
  const max = logits.reduce((a, b) => Math.max(a, b))
  const expected = naive(logits, max, temperature, topP, candidates)
  expect(nucleus(logits, max, temperature, topP, candidates.slice())).toBe(expected)
}

const everything = (logits: Float32Array) => Int32Array.from(logits.keys())

describe('nucleus', () => {
  // An odd fraction, so that no sum of equal probabilities lands exactly on it.
  const topP = fc.integer({ min: 0, max: 999 }).map((i) => (i + 0.37) / 1000)
  const temperature = fc.constantFrom(0.01, 0.3, 1, 2, 1000)

  it('ends where sorting and adding up ends', () => {
    const logit = fc.oneof(
      fc.integer({ min: -40, max: 40 }).map((i) => i / 4),
      fc.float({ min: -30, max: 30, noNaN: true }),
      fc.constant(-Infinity),
    )
    fc.assert(
      fc.property(fc.array(logit, { maxLength: 50 }), temperature, topP, (logits, temperature, topP) => {
        const row = Float32Array.of(0, ...logits)
        check(row, temperature, topP, everything(row))
      }),
      { seed: 5, numRuns: 2000 },
    )
  })

  it('does so for candidates that share a bin, are all equal, or lie far apart', () => {
    const size = 3000
    const rows = {
      close: Float32Array.from({ length: size }, (_, i) => ((i * 7919) % size) / size),
      tied: Float32Array.from({ length: size }, (_, i) => ((i * 7919) % size) % 5),
      equal: new Float32Array(size).fill(-7),
      masked: Float32Array.from({ length: size }, (_, i) => (i % 3 === 0 ? ((i * 7919) % size) / 100 : -Infinity)),
      outliers: Float32Array.from({ length: size }, (_, i) => (i % 2 === 0 ? (i * 7919) % 11 : -3e38)),
    }
    for (const row of Object.values(rows))
      for (const temperature of [0.01, 1, 1e6, Number.MAX_VALUE, Number.MIN_VALUE])
        for (const topP of [0, 0.2003, 0.5003, 0.9501, 1 - 1e-12]) check(row, temperature, topP, everything(row))
  })

  it('counts probabilities relative to the candidates alone', () => {
    const logits = Float32Array.of(Math.log(8), Math.log(4), Math.log(2), Math.log(2))
    // 8/16 of all, but 8/12 of the first two.
    expect(nucleus(logits, logits[0], 1, 0.6, Int32Array.of(0, 1, 2, 3))).toBe(1)
    expect(nucleus(logits, logits[0], 1, 0.6, Int32Array.of(0, 1))).toBe(0)
  })

  it('keeps the most likely token at topP 0, and just enough when a sum lands exactly on topP', () => {
    expect(nucleus(Float32Array.of(1, 5, 5), 5, 1, 0, Int32Array.of(0, 1, 2))).toBe(1)
    expect(nucleus(new Float32Array(4), 0, 1, 0.5, Int32Array.of(0, 1, 2, 3))).toBe(1)
    expect(nucleus(Float32Array.of(5, 5, -Infinity), 5, 1, 1, Int32Array.of(0, 1, 2))).toBe(1)
  })
})

it('the fast exponential is within 3e-9 of the true one', () => {
  let worst = 0
  for (let x = 0; x < 50; x += 0.00037) worst = Math.max(worst, Math.abs(expMinus(x) / Math.exp(-x) - 1))
  expect(worst).toBeLessThan(3e-9)
  expect(expMinus(800)).toBe(0)
  expect(expMinus(Infinity)).toBe(0)
})
