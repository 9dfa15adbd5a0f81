import type { Arithmetic, Chance } from './arithmetic.ts'
import type { TokenTree } from './tree.ts'
import type { Acceptance } from './verify.ts'

/**
 * Rejection sampling over a tree: emits tokens that are distributed exactly as the target's own, whatever the guesses
 * were drawn from. Leviathan et al. 2023, algorithm 1; over siblings drawn without replacement Miao et al. 2024
 * (SpecInfer), algorithm 2, with the drawn token taken out of q.
 *
 * `p(row)` is the target's distribution after `row` [vocab], asked for once for each row of the path, in order. `q(row)`
 * is the distribution its children were drawn from, without replacement and in their order; undefined where they were
 * chosen without chance, and each counts as drawn from a distribution that holds nothing else. Both after temperature,
 * filters and penalties.
 */
export function rejection<N>(
  tree: TokenTree,
  p: (row: number) => ArrayLike<N>,
  q: (row: number) => ArrayLike<N> | undefined,
  chance: Chance<N>,
  numbers: Arithmetic<N>,
): Acceptance {
  const path = [0]
  for (;;) {
    const row = path[path.length - 1]
    let left = p(row)
    let drawn = q(row)
    let accepted: number | undefined
    for (const child of tree.children(row)) {
      const token = tree.tokens[child]
      // min(1, p(x) / q(x)); q(x) > 0, since x was drawn from it.
      if (chance.bernoulli(drawn ? numbers.divide(left[token], drawn[token]) : left[token])) {
        accepted = child
        break
      }
      // norm(max(0, p - q)) is what the target would have written where it disagrees.
      left = drawn ? normalised(positive(left, drawn, numbers), left, numbers) : without(left, token, numbers)
      drawn = drawn && without(drawn, token, numbers)
    }
    if (accepted === undefined) return { path, bonus: chance.categorical(left) }
    path.push(accepted)
  }
}

/** max(0, p - q) */
function positive<N>(p: ArrayLike<N>, q: ArrayLike<N>, { zero, subtract, less }: Arithmetic<N>): N[] {
  return Array.from(p, (mass, x) => (less(q[x], mass) ? subtract(mass, q[x]) : zero))
}

/** The distribution given that the token is another one. */
function without<N>(weights: ArrayLike<N>, token: number, numbers: Arithmetic<N>): ArrayLike<N> {
  const others = Array.from(weights, (mass, x) => (x === token ? numbers.zero : mass))
  return normalised(others, weights, numbers)
}

/**
 * `weights` so that they sum to 1. Where they are all zero, `fallback`: no guess is rejected that leaves nothing of p, unless
 * floats are rounded so that p and q are equal but for their last bits.
 */
function normalised<N>(
  weights: readonly N[],
  fallback: ArrayLike<N>,
  { zero, add, divide, less }: Arithmetic<N>,
): ArrayLike<N> {
  const total = weights.reduce(add, zero)
  return less(zero, total) ? weights.map((mass) => divide(mass, total)) : fallback
}
