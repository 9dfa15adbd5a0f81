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

  /** Of chances that fall and others that do: `most` guesses at most. */
  of(some: readonly number[], others: readonly number[], most: number, speed: number): Worth {
    let best = { count: 0, value: 0 }
    let [i, j, sum] = [0, 0, 0]
    for (let count = 1; count <= most && i + j < some.length + others.length; count++) {
      sum += j === others.length || some[i] >= others[j] ? some[i++] : others[j++]
      const value = sum - speed * this.#price(count)
      if (value > best.value) best = { count, value }
    }
    return best
  }

  #price(guesses: number): number {
    this.#prices[guesses] ??= this.#target.v(1 + guesses) - this.#target.v(1)
    return this.#prices[guesses]
  }
}
