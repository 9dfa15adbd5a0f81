import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { begun } from '../../decoding/tiny.ts'
import { hashed, play, run, tinyPair, written } from '../tiny.ts'
import { jacobi } from './jacobi.ts'

const prompt = [3, 1, 4, 1, 5, 9, 2, 6]
const anyTarget = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(1e6))
const anyBlock = fc.integer({ min: 2, max: 9 })

describe('the Jacobi iteration', () => {
  test('each iterate is what the target writes after the one before, decided tokens apart', async () => {
    await fc.assert(
      fc.asyncProperty(anyTarget, anyBlock, async ([order, seed], block) => {
        const next = hashed(order, seed)
        const steps = await play(next, jacobi({ block }), prompt, 40)
        const text = [...prompt]
        for (const [i, { draft, emitted }] of steps.slice(0, -1).entries()) {
          const guesses = [...draft.tree.tokens].slice(1)
          const expected = [...guesses, 0].map((_, row) => next([...text, ...guesses.slice(0, row)]))
          const kept = expected.slice(emitted.length)
          const after = [...steps[i + 1].draft.tree.tokens].slice(1)
          expect(after.slice(0, kept.length)).toEqual(kept.slice(0, after.length))
          text.push(...emitted)
        }
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  test('writes the text of plain decoding, a block of n tokens in at most n passes', async () => {
    await fc.assert(
      fc.asyncProperty(anyTarget, anyBlock, async ([order, seed], block) => {
        const next = hashed(order, seed)
        const steps = await play(next, jacobi({ block }), prompt, 40)
        expect(steps.flatMap(({ emitted }) => emitted)).toEqual(written(next, prompt, 40))
        for (let first = 0; first + block <= steps.length; first++) {
          const passes = steps.slice(first, first + block)
          expect(passes.flatMap(({ emitted }) => emitted).length).toBeGreaterThanOrEqual(block)
        }
      }),
      { seed: 2, numRuns: 60 },
    )
  })

  test('solves a block in two passes where a token does not depend on those before', async () => {
    // The first pass knows none of them and learns all.
    const steps = await play((text) => 100 + text.length, jacobi({ block: 5 }), prompt, 18)
    expect(steps.map(({ emitted }) => emitted.length)).toEqual([1, 5, 1, 5, 1, 5])
  })

  test('at a temperature its unknowns are the draws of their positions', async () => {
    // So hot that the noise alone decides: again, no token depends on those before.
    const { target } = await tinyPair()
    const sampling = { temperature: 1e6, seed: 3 }
    const steps = await run(target, jacobi({ block: 5 }), prompt, { sampling, maxTokens: 18 })
    expect(steps.map(({ tokens }) => tokens.length)).toEqual([1, 5, 1, 5, 1, 5])
  })
})

test('a pass has as many rows as the block, or as the budget', async () => {
  const steps = await play(hashed(2, 1), jacobi({ block: 6 }), prompt, 30, 20)
  expect(steps[0].draft.tree.size).toBe(6)
  const small = await play(hashed(2, 1), jacobi({ block: 6 }), prompt, 30, 4)
  expect(small[0].draft.tree.size).toBe(4)
})

describe('with n-grams', () => {
  const ngrams = true
  /** Writes the same ten tokens over and over. */
  const loop = (text: readonly number[]) => 10 + ((text.length * 7) % 10)

  test('writes the text of plain decoding, and its iterate is the chain that comes first', async () => {
    await fc.assert(
      fc.asyncProperty(anyTarget, anyBlock, async ([order, seed], block) => {
        const next = hashed(order, seed)
        const steps = await play(next, jacobi({ block, ngrams }), prompt, 40)
        expect(steps.flatMap(({ emitted }) => emitted)).toEqual(written(next, prompt, 40))
        const chains = steps.map(({ draft }) => [...draft.tree.parents].slice(0, Math.min(block, draft.tree.size)))
        for (const parents of chains) expect(parents).toEqual(parents.map((_, row) => row - 1))
      }),
      { seed: 3, numRuns: 60 },
    )
  })

  test('what was written before is guessed where its first token comes again', async () => {
    const next = (text: readonly number[]) => (text.length % 10 === 0 ? 50 : loop(text))
    const passes = async (more: boolean) => (await play(next, jacobi({ block: 2, ngrams: more }), prompt, 60)).length
    expect(await passes(true)).toBeLessThan((await passes(false)) / 2)
  })

  test('they end where the budget does', async () => {
    for (const { draft } of await play(loop, jacobi({ block: 6, ngrams }), prompt, 40, 7))
      expect(draft.tree.size).toBeLessThanOrEqual(7)
  })
})

test('first guesses are tokens of the text, the same ones for the same text', async () => {
  const first = async () => {
    const drafter = jacobi({ block: 32 })
    await drafter.start(begun(prompt))
    return [...(await drafter.propose(6, { rows: 32 })).tree.tokens]
  }
  const guesses = await first()
  expect(new Set(guesses)).toEqual(new Set(prompt))
  expect(await first()).toEqual(guesses)
})

test.each([0, 1, 2.5, Number.NaN])('a block of %s is an error of code argument', (block) => {
  expect(() => jacobi({ block })).toThrow(
    expect.objectContaining({
      code: 'argument',
      message: `jacobi: block is ${block}, expected an integer of at least 2`,
    }),
  )
})
