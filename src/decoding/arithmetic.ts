/** Numbers as an acceptance rule needs them: floats when decoding, fractions when its exactness is proved. */
export interface Arithmetic<N> {
  readonly zero: N
  readonly one: N
  add(a: N, b: N): N
  subtract(a: N, b: N): N
  divide(a: N, b: N): N
  less(a: N, b: N): boolean
}

export const floats: Arithmetic<number> = {
  zero: 0,
  one: 1,
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  divide: (a, b) => a / b,
  less: (a, b) => a < b,
}

/** The two ways in which a rule may use chance. Each call is independent of all others. */
export interface Chance<N> {
  /** True with probability `p`: never at 0, always from 1 on. */
  bernoulli(p: N): boolean
  /** Index x with probability weights[x]; the weights sum to 1. */
  categorical(weights: ArrayLike<N>): number
}
