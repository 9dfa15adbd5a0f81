import type { Awaitable, Verdict } from '../../decoding/index.ts'
import type { Guess, Policy } from './policy.ts'

/**
 * What all drafters of chains have in common: guesses are made one after the other while the policy goes on, and it is
 * told what became of them.
 */
export class ChainDrafting {
  readonly #policy: Policy
  #guesses: readonly Guess[] = []
  /** Tokens that were decided since the text began. */
  #position = 0
  #ends: ReadonlySet<number> | undefined

  constructor(policy: Policy) {
    this.#policy = policy
  }

  /** Before the first draft of a text. `ends`: tokens that nothing follows. */
  begin(ends?: ReadonlySet<number>): void {
    this.#ends = ends
    this.#guesses = []
    this.#position = 0
  }

  /** At most `most` guesses of `next`, which has no more to say where it yields none. */
  async draft(most: number, next: (index: number) => Awaitable<Guess | undefined>): Promise<readonly Guess[]> {
    const guesses: Guess[] = []
    this.#guesses = guesses
    while (
      guesses.length < most &&
      this.#policy.continueDrafting({ guesses, position: this.#position + guesses.length })
    ) {
      const guess = await next(guesses.length)
      if (guess === undefined) break
      guesses.push(guess)
      if (this.#ends?.has(guess.token)) break
    }
    return guesses
  }

  /** After the step whose guesses these were. */
  settle({ path, emitted }: Pick<Verdict, 'path' | 'emitted'>): void {
    this.#policy.observe?.({ guesses: this.#guesses, position: this.#position, accepted: path.length - 1 })
    this.#guesses = []
    this.#position += emitted.length
  }
}
