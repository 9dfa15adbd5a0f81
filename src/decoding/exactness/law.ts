import { type Outcome, outcomes } from './exhaustive.ts'
import { type Fraction, fraction, fractions, sum } from './fraction.ts'
import type { ToyModel } from './toy-models.ts'

const { zero, one, add, subtract, multiply, less } = fractions

/** The probability of each text, by its tokens as a string. */
export type Law = Map<string, Fraction>

export function addTo(law: Law, text: readonly number[], weight: Fraction): void {
  law.set(text.join(), add(law.get(text.join()) ?? zero, weight))
}

/** The exact law of what `write` writes, over all outcomes of chance. */
export function lawOf(write: (chance: Outcome) => readonly number[]): Law {
  const law: Law = new Map()
  for (const outcome of outcomes()) addTo(law, write(outcome), outcome.weight)
  return law
}

/** The law of the first `length` tokens that the target writes by itself: the product of p(x_i | x_1 ... x_(i-1)). */
export function lawOfTarget(target: ToyModel, length: number): Law {
  const law: Law = new Map()
  const extend = (text: readonly number[], weight: Fraction) => {
    if (text.length === length) addTo(law, text, weight)
    else
      for (const [token, p] of target(text).entries()) if (less(zero, p)) extend([...text, token], multiply(weight, p))
  }
  extend([], one)
  return law
}

/** 1/2 sum |a - b|: 0 where the laws are the same, 1 where they have no text in common. */
export function totalVariation(a: Law, b: Law): Fraction {
  const texts = [...new Set([...a.keys(), ...b.keys()])]
  const distances = texts.map((text) => {
    const difference = subtract(a.get(text) ?? zero, b.get(text) ?? zero)
    return less(difference, zero) ? subtract(zero, difference) : difference
  })
  return multiply(fraction(1, 2), sum(distances))
}
