import type { Falling } from './falling.ts'
import type { TreeCosts } from './tree-costs.ts'

/** How many guesses are worth it, and how many tokens they win beyond what their rows cost. */
export interface Worth {
  readonly count: number
  readonly value: number
}

/**
 * The worth of guesses by their chances: of all numbers of guesses, the likeliest first, the one of the greatest
 * sum of chances - speed (v(1 + guesses) - v(1)), the smallest among equals. `speed` is what the time of a row wins elsewhere,
 * in tokens. All are looked at, since v is measured and not smooth: one dear row must not hide cheap ones behind it.
 */
export class WorthOfGuesses {
  readonly #target: TreeCosts['target']
  /** v(1 + guesses) - v(1) by number of guesses. */
  readonly #prices: number[] = []

  constructor(target: TreeCosts['target']) {
    this.#target = target
  }

  /** Of chances, and of others together with them: `most` guesses at most. */
  of(some: Falling, others: Falling | undefined, most: number, speed: number): Worth {
    const [first, second] = [some.values, others?.values ?? some.values]
    const [firsts, seconds] = [some.length, others?.length ?? 0]
    const end = Math.min(most, firsts + seconds)
    let [bestCount, bestValue] = [0, 0]
    for (let count = 1, i = 0, j = 0, sum = 0; count <= end; count++) {
      sum += j === seconds || (i < firsts && first[i] >= second[j]) ? first[i++] : second[j++]
      const value = sum - speed * this.#price(count)
      if (value > bestValue) {
        bestCount = count
        bestValue = value
      }
    }
    return { count: bestCount, value: bestValue }
  }

  #price(guesses: number): number {
    this.#prices[guesses] ??= this.#target.v(1 + guesses) - this.#target.v(1)
    return this.#prices[guesses]
  }
}
