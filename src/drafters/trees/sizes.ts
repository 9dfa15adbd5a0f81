import type { PassCosts } from '../../decoding/index.ts'

/** The size is thought over again after so many steps. */
export const stepsBetween = 16
/** Where guessing does not pay, it is tried at least this often (in steps), or no one would notice that it pays again. */
const probeEvery = 4

/** Numbers of guesses. */
export interface Sizes {
  /** That of the most tokens per time; 0 where guessing does not pay. */
  readonly best: number
  /** The same of at least one guess. */
  readonly bestGuessing: number
}

/**
 * How many guesses give the most tokens per time, (1 + sum of chances) / (D + v(1 + guesses)); the fewest among equals.
 * `chances` are those of guesses to be accepted with all before them, in the order in which they are taken; `drafting` is
 * D of so many guesses, with `tokens` the tokens that a step is expected to emit with them. Times are in passes of one row.
 */
export function sizesThatPay(
  chances: readonly number[],
  { v }: Pick<PassCosts, 'v'>,
  drafting: (size: number, tokens: number) => number,
): Sizes {
  let tokens = 1
  let best = { size: 0, speed: 1 / v(1) }
  let guessing = { size: 1, speed: 0 }
  for (const [i, chance] of chances.entries()) {
    const size = i + 1
    tokens += chance
    const speed = tokens / (drafting(size, tokens) + v(size + 1))
    if (speed > guessing.speed) guessing = { size, speed }
    if (speed > best.speed) best = { size, speed }
  }
  return { best: best.size, bestGuessing: guessing.size }
}

/** The size of each step, by sizes that follow from what earlier steps have shown. */
export class CutToPay {
  readonly #sizesNow: () => Sizes
  #sizes: Sizes
  #steps = 0
  #idle = 0

  constructor(sizesNow: () => Sizes) {
    this.#sizesNow = sizesNow
    this.#sizes = sizesNow()
  }

  /** Guesses of the next step. */
  next(): number {
    const { best, bestGuessing } = this.#sizes
    const size = best > 0 || this.#idle < probeEvery ? best : bestGuessing
    this.#idle = size > 0 ? 0 : this.#idle + 1
    return size
  }

  /** After a step. Every so often the sizes are asked for again, once `learn` has looked at what was seen. */
  observe(learn: () => void): void {
    if (++this.#steps % stepsBetween > 0) return
    learn()
    this.#sizes = this.#sizesNow()
  }
}
