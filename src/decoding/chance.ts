import type { Chance } from './arithmetic.ts'
import { philox4x32 } from './sampling/index.ts'

/** Keeps this stream of numbers apart from the noise that tokens are drawn with. */
const kind = 2

/**
 * The chance of one step, a pure function of the seed and the step's output position: an endless row of numbers from
 * [0, 1), one for each decision.
 */
export function chanceOf(seed: number, position: number): Chance<number> {
  const words = new Uint32Array(4)
  let decision = 0
  return chanceFrom(() => {
    philox4x32(words, decision++, position, kind, 0, seed >>> 0, Math.floor(seed / 2 ** 32))
    return (words[0] * 2 ** 21 + (words[1] >>> 11)) * 2 ** -53
  })
}

/** Makes each decision of one number, uniform in [0, 1). */
export function chanceFrom(uniform: () => number): Chance<number> {
  return {
    bernoulli: (p) => uniform() < p,
    categorical(weights) {
      // Rounding may leave the sum a little below 1: then the last token that has any weight.
      let left = uniform()
      let last = 0
      for (let x = 0; x < weights.length; x++) {
        if (weights[x] <= 0) continue
        last = x
        left -= weights[x]
        if (left < 0) break
      }
      return last
    },
  }
}
