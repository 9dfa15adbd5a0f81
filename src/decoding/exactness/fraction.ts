import { PacelineError } from '../../errors.ts'
import type { Arithmetic } from '../arithmetic.ts'

/** A rational number in lowest terms, its denominator positive: two are equal where both parts are. */
export interface Fraction {
  readonly numerator: bigint
  readonly denominator: bigint
}

/** Throws code `argument` for a denominator of 0. */
export function fraction(numerator: bigint | number, denominator: bigint | number = 1n): Fraction {
  const [n, d] = [BigInt(numerator), BigInt(denominator)]
  if (d === 0n) throw new PacelineError('argument', `${n} is divided by 0`)
  const common = gcd(n < 0n ? -n : n, d < 0n ? -d : d) * (d < 0n ? -1n : 1n)
  return { numerator: n / common, denominator: d / common }
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}

const zero = fraction(0)
const one = fraction(1)

/** Without rounding: a proof over these numbers holds to the last digit. */
export const fractions = {
  zero,
  one,
  add: (a, b) => fraction(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator),
  subtract: (a, b) =>
    fraction(a.numerator * b.denominator - b.numerator * a.denominator, a.denominator * b.denominator),
  multiply: (a: Fraction, b: Fraction) => fraction(a.numerator * b.numerator, a.denominator * b.denominator),
  divide: (a, b) => fraction(a.numerator * b.denominator, a.denominator * b.numerator),
  less: (a, b) => a.numerator * b.denominator < b.numerator * a.denominator,
  equal: (a: Fraction, b: Fraction) => a.numerator === b.numerator && a.denominator === b.denominator,
} satisfies Arithmetic<Fraction> & Record<string, unknown>

export function sum(values: readonly Fraction[]): Fraction {
  return values.reduce(fractions.add, zero)
}

/** The distribution in proportion to `weights`. Throws code `argument` where all are 0. */
export function inProportion(weights: readonly Fraction[]): Fraction[] {
  const total = sum(weights)
  return weights.map((weight) => fractions.divide(weight, total))
}

/** `3/7`, `0`, `1`: how laws and failed expectations show a fraction. */
export function show({ numerator, denominator }: Fraction): string {
  return denominator === 1n ? String(numerator) : `${numerator}/${denominator}`
}

/** The nearest float, of parts that floats can hold. */
export function toFloat({ numerator, denominator }: Fraction): number {
  return Number(numerator) / Number(denominator)
}
