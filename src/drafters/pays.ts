/** How much of what was seen is left after a step of its kind. */
const memory = 0.95
/** Where guessing does not pay, so many steps go by until it is tried again: ever more, while trying shows the same. */
const pause = { least: 4, most: 16 }

/**
 * Whether guessing pays: tokens that steps with guesses have won of late in their time, beside those without. The prices of single
 * guesses do not tell, since a step that guesses takes more than they add up to. Before anything is seen it pays.
 */
export class Pays {
  readonly #guessing = { tokens: 2, time: 1 }
  readonly #plain = { tokens: 1, time: 1 }
  #idle = 0
  #pause: number = pause.least

  get pays(): boolean {
    return this.#guessing.tokens * this.#plain.time >= this.#plain.tokens * this.#guessing.time
  }

  /** Whether it is time to try a guess all the same, or no one would notice that it pays again. */
  get isDue(): boolean {
    return this.#idle >= this.#pause
  }

  /** Learns from a step, of which `time` is in whatever unit the others are. */
  observe(guessed: boolean, tokens: number, time: number): void {
    // A try that wins is believed: what was before it, in another stretch of text, would keep the next ones away.
    if (guessed && !this.pays && tokens * this.#plain.time >= this.#plain.tokens * time)
      this.#guessing.tokens = this.#guessing.time = 0
    const kind = guessed ? this.#guessing : this.#plain
    kind.tokens = memory * kind.tokens + tokens
    kind.time = memory * kind.time + time
    if (!guessed) this.#idle++
    else {
      this.#idle = 0
      this.#pause = this.pays ? pause.least : Math.min(pause.most, 2 * this.#pause)
    }
  }
}
