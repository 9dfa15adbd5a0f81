import type { Chance } from '../arithmetic.ts'
import { type Fraction, fractions, sum } from './fraction.ts'
import type { ToyModel } from './toy-models.ts'

const { zero, one, subtract, less, equal } = fractions

/** The token after a text that a model draws with the noise of that output position. */
export type Draw = (model: ToyModel, text: readonly number[]) => number

/**
 * Noise that target and drafter share: a number omega_i uniform in [0, 1) for each output position i; a model draws the
 * token at which its cumulative distribution passes it. Only between which two steps of all these functions omega_i lies
 * makes a difference, so finitely many values stand for all. A position's noise is decided when first asked for, and
 * stays: whoever looks ahead sees what will be drawn with.
 *
 * Returns what makes the noise of one outcome, for texts of up to `length` tokens.
 */
export function noiseOf(models: readonly ToyModel[], vocabSize: number, length: number) {
  const positions = Array.from({ length }, (_, position) => {
    const steps = textsOf(vocabSize, position).flatMap((text) => models.flatMap((model) => cumulative(model(text))))
    const starts = [zero, ...steps.sort(ascending)].filter(
      (step, i, all) => less(step, one) && !(i > 0 && equal(step, all[i - 1])),
    )
    return { starts, widths: starts.map((start, i) => subtract(starts[i + 1] ?? one, start)) }
  })
  const known = new Map<string, number>()

  return (chance: Chance<Fraction>): Draw => {
    const cells: number[] = []
    return (model, text) => {
      const { starts, widths } = positions[text.length]
      cells[text.length] ??= chance.categorical(widths)
      const cell = cells[text.length]
      const key = `${models.indexOf(model)}:${text}:${cell}`
      const token = known.get(key) ?? cumulative(model(text)).findIndex((total) => less(starts[cell], total))
      known.set(key, token)
      return token
    }
  }
}

function cumulative(p: readonly Fraction[]): Fraction[] {
  return p.map((_, token) => sum(p.slice(0, token + 1)))
}

function ascending(a: Fraction, b: Fraction): number {
  return less(a, b) ? -1 : less(b, a) ? 1 : 0
}

export function textsOf(vocabSize: number, length: number): number[][] {
  if (length === 0) return [[]]
  return textsOf(vocabSize, length - 1).flatMap((text) =>
    Array.from({ length: vocabSize }, (_, token) => [...text, token]),
  )
}
