/** How much is left of a point after each further one. */
const memory = 0.97
/** How many points the line that is given counts, once it is as high as points of late are. */
const prior = 3
/** A time is so far from what was expected, as a share of that, at most: what is beyond was something else. */
const believable = { least: 0.7, most: 1.3 }

/** What is believed of a time that was expected to be another. */
export function believed(seen: number, expected: number): number {
  return Math.min(believable.most * expected, Math.max(believable.least * expected, seen))
}

/**
 * A straight line through times of late. Until they say otherwise it is the one that is given, or that one times what the machine has become
 * slower or faster by since.
 */
export class LivingLine {
  readonly #given: { readonly height: number; readonly slope: number; readonly at: number }
  readonly #sum = { weight: 0, x: 0, y: 0, xx: 0, xy: 0 }
  #height: number
  #slope: number

  /** `at`: about where points of the given line would lie, which makes it resist another slope. */
  constructor(given: { readonly height: number; readonly slope: number; readonly at: number }) {
    this.#given = given
    this.#height = given.height
    this.#slope = given.slope
  }

  /** At x = 0. */
  get height(): number {
    return this.#height
  }

  get slope(): number {
    return this.#slope
  }

  /** Learns from a time at x, and returns what it believes of it. */
  learn(x: number, seen: number): number {
    const y = believed(seen, this.#height + x * this.#slope)
    const sum = this.#sum
    sum.weight = memory * sum.weight + 1
    sum.x = memory * sum.x + x
    sum.y = memory * sum.y + y
    sum.xx = memory * sum.xx + x * x
    sum.xy = memory * sum.xy + x * y
    const { height, slope, at } = this.#given
    const one = height + slope * at
    const pace = (sum.y + one) / (height * sum.weight + slope * sum.x + one)
    // Least squares, with the distances of height and slope from those that are given.
    const [ones, squares] = [sum.weight + prior, sum.xx + prior * at * at]
    const [ys, products] = [sum.y + prior * pace * height, sum.xy + prior * pace * at * at * slope]
    const determinant = ones * squares - sum.x * sum.x
    // Where all x are 0 there is no slope to be seen.
    if (determinant > 1e-9) {
      this.#height = (squares * ys - sum.x * products) / determinant
      this.#slope = (ones * products - sum.x * ys) / determinant
    } else {
      this.#height = ys / ones
      this.#slope = pace * slope
    }
    return y
  }
}
