import type { StepTimes } from '../../decoding/index.ts'
import type { LivingCosts, StepWork } from '../living-costs.ts'

/** The size is thought over again after so many steps. */
export const stepsBetween = 16

/** Numbers of guesses. */
export interface Sizes {
  /** That of the most tokens per time; 0 where guessing does not pay. */
  readonly best: number
  /** The same of at least one guess. */
  readonly bestGuessing: number
}

/** What steps are expected to take. */
export interface StepCosts {
  /** One without guesses. */
  readonly plain: number
  /** One with so many guesses, by which it is expected to emit so many tokens. */
  guessing(size: number, tokens: number): number
}

/**
 * How many guesses give the most tokens per time, (1 + sum of chances) / time of the step; the fewest among equals.
 * `chances` are those of guesses to be accepted with all before them, in the order in which they are taken.
 */
export function sizesThatPay(chances: readonly number[], { plain, guessing }: StepCosts): Sizes {
  let tokens = 1
  let best = { size: 0, speed: 1 / plain }
  let bestGuessing = { size: 1, speed: 0 }
  for (const [i, chance] of chances.entries()) {
    const size = i + 1
    tokens += chance
    const speed = tokens / guessing(size, tokens)
    if (speed > bestGuessing.speed) bestGuessing = { size, speed }
    if (speed > best.speed) best = { size, speed }
  }
  return { best: best.size, bestGuessing: bestGuessing.size }
}

/** The size of each step, by sizes that follow from what earlier steps have shown. */
export class CutToPay {
  readonly #living: LivingCosts
  readonly #sizesNow: () => Sizes
  #sizes: Sizes
  #steps = 0

  constructor(living: LivingCosts, sizesNow: () => Sizes) {
    this.#living = living
    this.#sizesNow = sizesNow
    this.#sizes = sizesNow()
  }

  /** Guesses of the next step. */
  next(): number {
    if (this.#living.doubts) return 0
    const { best, bestGuessing } = this.#sizes
    return best > 0 || !this.#living.tries ? best : bestGuessing
  }

  /** After a step. Every so often the sizes are asked for again, once `learn` has looked at what was seen. */
  observe(work: StepWork, took: StepTimes | undefined, learn: () => void): void {
    this.#living.observe(work, took)
    if (++this.#steps % stepsBetween > 0) return
    learn()
    this.#sizes = this.#sizesNow()
  }
}
