import type { GraphBuilder, Value } from '../../graph/index.ts'

/** The guess one further on of each chain: all over the same rows. */
export interface Guess {
  /** [rows, vocab] */
  readonly logits: Value
  /** The target's likeliest token, -1 where the head does not know it. [rows] */
  readonly answers: Value
  /** [rows] */
  readonly weights: Value
}

/**
 * What chains of guesses would be worth, as metrics: `accepted n`, the sum of the weights where the first n guesses all say
 * what the target would, and `tau`, `weight` and the sum of these: by weight, tokens per forward in greedy decoding.
 */
export function acceptance(g: GraphBuilder, weight: Value, guesses: readonly Guess[]): Record<string, Value> {
  const metrics: Record<string, Value> = {}
  let chain: Value | undefined
  let tau = weight
  for (const [i, { logits, answers, weights }] of guesses.entries()) {
    const right = g.equal(g.argmax(logits), answers)
    chain = chain ? g.mul(chain, right) : right
    const accepted = g.sum(g.mul(chain, weights))
    metrics[`accepted ${i + 1}`] = accepted
    tau = g.add(tau, accepted)
  }
  return { ...metrics, tau }
}
