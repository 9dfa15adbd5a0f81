import { describe, expect, test } from 'vitest'
import { PacelineError } from '../../errors.ts'
import { fractions } from './fraction.ts'
import { type Mutant, mutated } from './mutant.ts'
import { rejectionScenarios, type Scenario, targetDrawScenarios } from './scenarios.ts'

/** Mistakes that implementations of rejection sampling have been found to make, and some that this one could. */
const rejectionMutants: Mutant[] = [
  {
    name: 'recovers from p instead of the residual',
    piece: 'normalised(positive(left, drawn, numbers), left, numbers)',
    instead: 'left',
  },
  {
    name: 'only zeroes the rejected token though q is not one-hot',
    piece: 'normalised(positive(left, drawn, numbers), left, numbers)',
    instead: 'without(left, token, numbers)',
  },
  {
    name: 'accepts with q/p',
    piece: 'numbers.divide(left[token], drawn[token])',
    instead: 'numbers.less(numbers.zero, left[token]) ? numbers.divide(drawn[token], left[token]) : numbers.zero',
  },
  {
    name: 'accepts a drawn guess with probability p',
    piece: 'numbers.divide(left[token], drawn[token])',
    instead: 'left[token]',
  },
  {
    name: 'accepts a certain guess always',
    piece: ': left[token])) {',
    instead: ': numbers.one)) {',
  },
  {
    name: 'accepts where p is not 0',
    piece: 'chance.bernoulli(drawn',
    instead: 'numbers.less(numbers.zero, left[token]) || chance.bernoulli(drawn',
  },
  {
    name: 'commits the first guess unverified',
    piece: 'if (chance.bernoulli(',
    instead: 'if (row === 0 || chance.bernoulli(',
  },
  {
    name: 'recovers from p after a certain guess',
    piece: ': without(left, token, numbers)',
    instead: ': left',
  },
  {
    name: 'does not take a drawn sibling out of q',
    piece: 'drawn = drawn && without(drawn, token, numbers)',
    instead: '',
  },
  {
    name: 'takes a sibling out of q without renormalising',
    piece: 'drawn = drawn && without(drawn, token, numbers)',
    instead: 'drawn = drawn && Array.from(drawn, (mass, x) => (x === token ? numbers.zero : mass))',
  },
  {
    name: 'makes each residual from p anew',
    piece: 'positive(left, drawn, numbers)',
    instead: 'positive(p(row), drawn, numbers)',
  },
  {
    name: 'leaves residuals as they are, not normalised',
    piece: 'weights.map((mass) => divide(mass, total))',
    instead: 'weights',
  },
  {
    name: 'takes |p - q| for the residual',
    piece: 'subtract(mass, q[x]) : zero',
    instead: 'subtract(mass, q[x]) : subtract(q[x], mass)',
  },
  {
    name: 'looks at siblings in another order than they were drawn in',
    piece: 'of tree.children(row)',
    instead: 'of [...tree.children(row)].reverse()',
  },
  {
    name: 'takes the bonus token from the row before',
    piece: 'bonus: chance.categorical(left)',
    instead: 'bonus: chance.categorical(path.length > 1 ? p(path[path.length - 2]) : left)',
  },
  {
    name: 'compares with q of the root everywhere',
    piece: 'let drawn = q(row)',
    instead: 'let drawn = q(0)',
  },
]

const targetDrawMutants: Mutant[] = [
  {
    name: 'draws once more on a mismatch',
    piece: 'bonus: token',
    instead: 'bonus: draw(row)',
  },
  {
    name: 'draws everything after the root',
    piece: 'const token = draw(row)',
    instead: 'const token = draw(path[0])',
  },
  {
    name: 'goes into the first child where none is the draw',
    piece: 'tree.child(row, token)',
    instead: 'tree.child(row, token) ?? [...tree.children(row)][0]',
  },
  {
    name: 'commits the first guess unverified',
    piece: 'tree.child(row, token)',
    instead: '(row === 0 ? [...tree.children(0)][0] : tree.child(row, token))',
  },
  {
    name: 'emits the last guess that was looked at',
    piece: 'bonus: token',
    instead: 'bonus: [...tree.children(row)].map((child) => tree.tokens[child])[0] ?? token',
  },
]

/**
 * Whether a rule is found out: by another law than the target's, or by a decision that is none. The last scenarios have
 * the shortest texts, so they are tried first.
 */
function isKilled<Rule>(rule: Rule, scenarios: readonly Scenario<Rule>[]): boolean {
  return scenarios.toReversed().some(({ distance }) => {
    try {
      return !fractions.equal(distance(rule), fractions.zero)
    } catch (error) {
      // A mutant that cannot run at all would prove nothing.
      if (PacelineError.isInstance(error)) return true
      throw error
    }
  })
}

describe('a rejection rule is found out that', () => {
  test.each(rejectionMutants)('$name', async (mutant) => {
    const { rejection } = (await import(mutated('../rejection.ts', mutant))) as typeof import('../rejection.ts')
    expect(isKilled(rejection, rejectionScenarios)).toBe(true)
  })
})

describe('a rule of target draw is found out that', () => {
  test.each(targetDrawMutants)('$name', async (mutant) => {
    const { verify } = (await import(mutated('../verify.ts', mutant))) as typeof import('../verify.ts')
    expect(isKilled(verify, targetDrawScenarios)).toBe(true)
  })
})

describe('mutants', () => {
  test('differ in nothing but their piece: one that replaces it by itself is exact', async () => {
    const same = mutated('../rejection.ts', { piece: 'let left = p(row)', instead: 'let left = p(row)' })
    const { rejection } = (await import(same)) as typeof import('../rejection.ts')
    expect(isKilled(rejection, rejectionScenarios.slice(-40))).toBe(false)
  })

  test.each([
    ['is gone', 'no such piece', /has this 0 times/],
    ['is there more than once', 'token', /has this \d\d times, expected once: token/],
  ])('cannot be made of a piece that %s', async (_, piece, message) => {
    await expect(import(mutated('../rejection.ts', { piece, instead: '' }))).rejects.toThrow(message)
  })
})
