/**
 * Runs of `length` tokens by the token before them: of each token the `capacity` that were added last. An n-gram that is
 * added again is as good as new.
 */
export class NgramPool {
  readonly #length: number
  readonly #capacity: number
  /** Oldest first. */
  readonly #after = new Map<number, (readonly number[])[]>()
  /** The end of the text: a token and what has followed it so far, at most `length` tokens in all. */
  #ending: readonly number[] = []

  constructor(length: number, capacity: number) {
    this.#length = length
    this.#capacity = capacity
  }

  add(before: number, ngram: readonly number[]): void {
    const known = this.#after.get(before) ?? []
    const others = known.filter((other) => other.some((token, i) => token !== ngram[i]))
    this.#after.set(before, [...others, ngram].slice(-this.#capacity))
  }

  /** Adds what follows each token of a run that is no part of the text, as far as the run goes, from two tokens on. */
  learn(run: readonly number[]): void {
    for (let at = 0; at + 2 < run.length; at++) this.add(run[at], run.slice(at + 1, at + 1 + this.#length))
  }

  /** The text goes on with `tokens`: adds every n-gram that they complete. */
  append(tokens: readonly number[]): void {
    for (const token of tokens) {
      const [before, ...rest] = this.#ending
      if (this.#ending.length === this.#length) this.add(before, [...rest, token])
      this.#ending = [...this.#ending, token].slice(-this.#length)
    }
  }

  /** What may follow `token`, newest first. */
  after(token: number): (readonly number[])[] {
    return [...(this.#after.get(token) ?? [])].reverse()
  }
}
