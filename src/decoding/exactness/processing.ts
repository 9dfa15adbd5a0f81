import { type Fraction, fraction, fractions, inProportion, sum } from './fraction.ts'

/** Sampling options that fractions can follow exactly. */
export interface Processing {
  /** 1 / temperature, a whole number: weights to a whole power stay rational. */
  readonly sharpness?: number
  readonly topK?: number
  readonly topP?: Fraction
}

/** What a model with the logits log(weights) samples from: temperature, then top-k, then top-p, as the sampler does. */
export function processed(weights: readonly number[], { sharpness = 1, topK, topP }: Processing = {}): Fraction[] {
  const sharpened = weights.map((weight) => fraction(BigInt(weight) ** BigInt(sharpness)))
  const order = [...weights.keys()].sort((a, b) => weights[b] - weights[a] || a - b)
  const limited = keep(sharpened, order.slice(0, topK))
  if (!topP) return limited
  // The shortest head that holds topP, one token at least.
  let end = 1
  while (end < order.length && fractions.less(sum(order.slice(0, end).map((token) => limited[token])), topP)) end++
  return keep(limited, order.slice(0, end))
}

function keep(weights: readonly Fraction[], kept: readonly number[]): Fraction[] {
  return inProportion(weights.map((weight, token) => (kept.includes(token) ? weight : fractions.zero)))
}
