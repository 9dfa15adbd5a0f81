import { PacelineError } from '../../errors.ts'
import type { Chance } from '../arithmetic.ts'
import { type Fraction, fractions, show, sum } from './fraction.ts'

const { zero, one, add, subtract, multiply, less, equal } = fractions

/** One way in which chance may turn out, made up decision by decision as it is asked for. */
export interface Outcome extends Chance<Fraction> {
  /** The product of the probabilities of its decisions so far. */
  readonly weight: Fraction
}

interface Decision {
  readonly options: readonly (readonly [value: number, probability: Fraction])[]
  at: number
}

/**
 * Every outcome of whatever its consumer does with it, each once: between two outcomes the consumer starts over, and its
 * first decision that still has another option takes that one, depth first. Only options of positive probability exist.
 * Throws code `argument` for weights that are no distribution, for a consumer that does not decide the same again after
 * the same decisions, and unless the weights of all outcomes sum to 1.
 */
export function* outcomes(): Generator<Outcome, void> {
  const decisions: Decision[] = []
  let total = zero
  do {
    let weight = one
    let depth = 0
    const decide = (weights: readonly Fraction[]): number => {
      const options = [...weights.entries()].filter(([, probability]) => less(zero, probability))
      if (depth === decisions.length) decisions.push({ options, at: 0 })
      const decision = decisions[depth++]
      if (
        !options.every(([value], i) => decision.options[i]?.[0] === value) ||
        options.length !== decision.options.length
      )
        throw new PacelineError('argument', `decision ${depth} has other options than before the same decisions`)
      const [value, probability] = decision.options[decision.at]
      weight = multiply(weight, probability)
      return value
    }
    yield {
      bernoulli(p) {
        if (less(p, zero)) throw new PacelineError('argument', `a probability is ${show(p)}`)
        return decide(less(p, one) ? [subtract(one, p), p] : [zero, one]) === 1
      },
      categorical(weights) {
        const all = Array.from(weights)
        if (all.some((mass) => less(mass, zero)) || !equal(sum(all), one))
          throw new PacelineError('argument', `weights are ${all.map(show)}, expected a distribution`)
        return decide(all)
      },
      get weight() {
        return weight
      },
    }
    if (depth < decisions.length)
      throw new PacelineError('argument', `${depth} decisions where there were ${decisions.length} before`)
    total = add(total, weight)
    while (
      decisions.length > 0 &&
      ++decisions[decisions.length - 1].at === decisions[decisions.length - 1].options.length
    )
      decisions.pop()
  } while (decisions.length > 0)
  if (!equal(total, one)) throw new PacelineError('argument', `all outcomes together weigh ${show(total)}, expected 1`)
}
