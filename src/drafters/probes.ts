/** After so many steps without guesses one guesses all the same: at first, and at most. */
const every = { least: 4, most: 64 }

/**
 * Where guessing does not pay it is tried now and then all the same, or no one would notice that it pays again: as long as
 * a try wins a token the next step tries too, and while tries do not lead back to guessing they become ever rarer.
 */
export class Probes {
  #idle = 0
  #every = every.least
  #due = false

  /** Whether the next step should guess, whatever speaks against it. */
  get due(): boolean {
    return this.#due
  }

  /** Learns whether a step guessed, and whether it won a token by that. */
  observe({ guessed, won }: { readonly guessed: boolean; readonly won: boolean }): void {
    this.#idle = guessed ? 0 : this.#idle + 1
    if (guessed && !this.#due) this.#every = every.least
    else if (guessed && !won) this.#every = Math.min(every.most, 2 * this.#every)
    this.#due = guessed ? this.#due && won : this.#idle >= this.#every
  }
}
