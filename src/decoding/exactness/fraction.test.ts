import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Fraction, fraction, fractions, inProportion, show, sum, toFloat } from './fraction.ts'

const { add, subtract, multiply, divide, less, equal, zero, one } = fractions

const anyFraction: fc.Arbitrary<Fraction> = fc
  .tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 50 }), fc.boolean())
  .map(([n, d, negative]) => (negative ? fraction(-n, -d) : fraction(n, d)))

test('fractions obey the laws of a field, and compare as numbers do', () => {
  fc.assert(
    fc.property(anyFraction, anyFraction, anyFraction, (a, b, c) => {
      expect(add(a, b)).toEqual(add(b, a))
      expect(multiply(a, add(b, c))).toEqual(add(multiply(a, b), multiply(a, c)))
      expect(add(subtract(a, b), b)).toEqual(a)
      if (!equal(b, zero)) expect(multiply(divide(a, b), b)).toEqual(a)
      expect([less(a, b), equal(a, b), less(b, a)].filter(Boolean)).toHaveLength(1)
      expect(less(a, b)).toBe(less(zero, subtract(b, a)))
      // Numerators and denominators up to 50: different fractions differ by 1/2500 at least.
      expect(less(a, b)).toBe(toFloat(b) - toFloat(a) > 1e-9)
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('every fraction has one form: lowest terms, denominator positive', () => {
  expect(fraction(6, -4)).toEqual({ numerator: -3n, denominator: 2n })
  expect(fraction(0, -7)).toEqual(zero)
  expect([fraction(6, 4), fraction(4, 2), zero].map(show)).toEqual(['3/2', '2', '0'])
})

test('ten tenths are one, which they are not in floats', () => {
  expect(sum(new Array(10).fill(fraction(1, 10)))).toEqual(one)
  expect(inProportion([fraction(1), fraction(2), zero])).toEqual([fraction(1, 3), fraction(2, 3), zero])
})

test('nothing is divided by 0', () => {
  expect(() => divide(one, zero)).toThrow('divided by 0')
  expect(() => inProportion([zero, zero])).toThrow('divided by 0')
})
