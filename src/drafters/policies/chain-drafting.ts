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
  #keepsEnds = false

  constructor(policy: Policy) {
    this.#policy = policy
  }

  /**
   * Before the first draft of a text. `ends`: tokens that end it. They are no guesses, since the row before one tells of it, unless
   * guesses are drawn and their distribution matters (`keepsEnds`); nothing is guessed behind them.
   */
  begin(ends?: ReadonlySet<number>, keepsEnds = false): void {
    this.#ends = ends
    this.#keepsEnds = keepsEnds
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
      const ends = this.#ends?.has(guess.token)
      if (!ends || this.#keepsEnds) guesses.push(guess)
      if (ends) break
    }
    return guesses
  }

  /** After the step whose guesses these were. */
  settle({ path, emitted, took }: Pick<Verdict, 'path' | 'emitted' | 'took'>): void {
    const [guesses, position, accepted] = [this.#guesses, this.#position, path.length - 1]
    this.#policy.observe?.({ guesses, position, accepted, ...(took && { took }) })
    this.#guesses = []
    this.#position += emitted.length
  }
}
