import { philox4x32 } from '../decoding/index.ts'

/** Keeps these numbers apart from the noise that tokens are drawn with and from the chance of acceptance. */
const kind = 3

/**
 * First guesses where there is nothing better: tokens of the text so far, drawn with replacement, so that they are at
 * least at home in it. A draw depends on the text and on how many were made before, and on no seed of the sampler, which
 * is random for most greedy texts: the same text takes the same number of passes whenever it is written.
 */
export class TextTokens {
  readonly #tokens: number[] = []
  readonly #words = new Uint32Array(4)
  #draws = 0

  append(tokens: readonly number[]): void {
    for (const token of tokens) this.#tokens.push(token)
  }

  draw(): number {
    philox4x32(this.#words, this.#draws++, 0, kind, 0, 0, 0)
    return this.#tokens[Math.floor((this.#words[0] / 2 ** 32) * this.#tokens.length)]
  }
}
