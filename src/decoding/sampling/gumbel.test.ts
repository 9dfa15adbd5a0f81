import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cutoff, keeps } from './cutoff.ts'
import { gumbelArgmax, gumbelNoise, gumbelTop } from './gumbel.ts'
import { philox4x32 } from './philox.ts'

const argmax = (values: ArrayLike<number>) => {
  let best = 0
  for (let i = 0; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}

/** Scores every token in the order given; the lowest id among equals. */
function exhaustive(
  logits: Float32Array,
  cutoff: Cutoff,
  temperature: number,
  seed: number,
  position: number,
  order: Iterable<number>,
): number {
  const max = logits[argmax(logits)]
  let winner = Infinity
  let best = -Infinity
  for (const token of order) {
    if (!keeps(cutoff, logits[token], token)) continue
    const score = (logits[token] - max) / temperature + gumbelNoise(seed, position, token)
    if (score > best || (score === best && token < winner)) {
      winner = token
      best = score
    }
  }
  return winner
}

const seed = fc.maxSafeNat()
const position = fc.nat(2 ** 32 - 1)

describe('Gumbel noise', () => {
  it('is finite and a pure function of seed, position and token', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(seed, position, fc.nat(300_000)), { minLength: 2 }), (calls) => {
        const first = calls.map((call) => gumbelNoise(...call))
        const again = calls.toReversed().map((call) => gumbelNoise(...call))
        expect(again.reverse()).toEqual(first)
        expect(first.every(Number.isFinite)).toBe(true)
      }),
      { seed: 6 },
    )
  })

  it('is defined by two blocks of Philox: one for 64 tokens, one for the token', () => {
    const exponential = (index: number, kind: number) => {
      const out = new Uint32Array(4)
      philox4x32(out, index, 7, kind, 0, 0xfffffffe, 0x1fffff)
      const u = (2 * (out[0] * 2 ** 20 + (out[1] >>> 12)) + 1) / 2 ** 53
      return { value: -Math.log(u), champion: out[2] % 64 }
    }
    const block = exponential(3, 0)
    for (let token = 192; token < 256; token++) {
      const excess = token % 64 === block.champion ? 0 : exponential(token, 1).value
      expect(gumbelNoise(2 ** 53 - 2, 7, token)).toBe(-Math.log(block.value / 64 + excess))
    }
  })

  it('differs with every bit of the seed, with the position and with the token', () => {
    const base = gumbelNoise(1, 2, 3)
    for (let bit = 1; bit < 53; bit++) expect(gumbelNoise(1 + 2 ** bit, 2, 3)).not.toBe(base)
    expect(gumbelNoise(1, 3, 2)).not.toBe(base)
    const values = Array.from({ length: 10_000 }, (_, token) => gumbelNoise(1, 2, token))
    expect(new Set(values).size).toBe(values.length)
  })
})

describe('Gumbel argmax', () => {
  // Long rows of repeated pieces: several blocks, the last one short, and many ties.
  const piece = fc.array(fc.oneof(fc.integer({ min: -8, max: 8 }), fc.constant(-Infinity)), { maxLength: 40 })
  const row = fc.tuple(piece, fc.nat(300)).map(([piece, length]) => {
    return Float32Array.from({ length: length + 1 }, (_, i) =>
      i % 41 === 0 ? 0 : (piece[i % (piece.length + 1)] ?? -20),
    )
  })
  const cutoff = fc.oneof(
    fc.constant({ logit: -Infinity, token: Infinity }),
    fc.record({ logit: fc.integer({ min: -20, max: 0 }), token: fc.integer({ min: 0, max: 300 }) }),
  )
  const temperature = fc.constantFrom(Number.MIN_VALUE, 0.1, 0.7, 1, 3, 100, Number.MAX_VALUE)

  it('is what scoring every token in any order gives', () => {
    fc.assert(
      fc.property(row, cutoff, temperature, seed, position, (logits, cutoff, temperature, seed, position) => {
        const top = argmax(logits)
        const drawn = gumbelArgmax(logits, top, cutoff, { temperature, seed }, position)
        const ids = [...logits.keys()]
        const shuffled = ids.toSorted((a, b) => ((a * 7919) % 311) - ((b * 7919) % 311))
        fc.pre(keeps(cutoff, logits[top], top))
        expect(drawn).toBe(exhaustive(logits, cutoff, temperature, seed, position, ids))
        expect(drawn).toBe(exhaustive(logits, cutoff, temperature, seed, position, shuffled))
      }),
      { seed: 7, numRuns: 2000 },
    )
  })

  it('is the first of the largest few, which are what sorting all scores gives, whatever is looked at first', () => {
    const some = fc.array(fc.nat(300), { maxLength: 5 })
    fc.assert(
      fc.property(
        row,
        cutoff,
        temperature,
        seed,
        position,
        some,
        (logits, cutoff, temperature, seed, position, some) => {
          const top = argmax(logits)
          const scored = [...logits.keys()]
            .filter((token) => keeps(cutoff, logits[token], token))
            .map((token) => ({
              token,
              score: (logits[token] - logits[top]) / temperature + gumbelNoise(seed, position, token),
            }))
            .filter(({ score }) => score > -Infinity)
            .sort((a, b) => b.score - a.score || a.token - b.token)
          const first = [top, ...some.filter((token) => token < logits.length)]
          for (const count of [1, 3, 70]) {
            const { tokens, scores } = gumbelTop(logits, first, cutoff, { temperature, seed }, position, count)
            expect(tokens).toEqual(scored.slice(0, count).map(({ token }) => token))
            expect(scores).toEqual(scored.slice(0, count).map(({ score }) => score))
          }
        },
      ),
      { seed: 8, numRuns: 1000 },
    )
  })
})
