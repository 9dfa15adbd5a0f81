/** Where each run of `minLength` to `maxLength` tokens was last seen, in a text that only grows. */
export class NgramIndex {
  readonly #minLength: number
  readonly #maxLength: number
  readonly #text: number[] = []
  /** n-gram -> the position after its last occurrence; the n-grams at the very end wait until something follows them. */
  readonly #next = new Map<string, number>()

  constructor(minLength: number, maxLength: number) {
    this.#minLength = minLength
    this.#maxLength = maxLength
  }

  append(tokens: readonly number[]): void {
    for (const token of tokens) {
      for (const ngram of this.#endings()) this.#next.set(ngram, this.#text.length)
      this.#text.push(token)
    }
  }

  /** Up to `count` tokens that followed the last earlier occurrence of the text's ending, the longest ending that has one. */
  continuation(count: number): number[] {
    for (const ngram of this.#endings()) {
      const start = this.#next.get(ngram)
      if (start !== undefined) return this.#text.slice(start, start + count)
    }
    return []
  }

  /** The text's last tokens as keys, longest first. */
  *#endings(): Generator<string> {
    for (let n = Math.min(this.#maxLength, this.#text.length); n >= this.#minLength; n--)
      yield this.#text.slice(-n).join()
  }
}
