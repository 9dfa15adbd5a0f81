import { PacelineError } from '../../errors.ts'

/**
 * Which tokens the penalties apply to: those of the prompt, and how often each was generated. `push` and `pop` are
 * O(1), so that verification can walk down a path of the token tree and back.
 */
export class TokenHistory {
  readonly #prompt: ReadonlySet<number>
  readonly #generated: number[] = []
  readonly #counts = new Map<number, number>()

  constructor(prompt: Iterable<number>) {
    this.#prompt = new Set(prompt)
  }

  /** How many tokens were generated: the output position of the next one. */
  get length(): number {
    return this.#generated.length
  }

  /** What was generated, in its order. */
  get generated(): readonly number[] {
    return this.#generated
  }

  /** Each distinct token of the prompt. */
  get prompt(): ReadonlySet<number> {
    return this.#prompt
  }

  /** Occurrences in the output of each token that is in it. */
  get counts(): ReadonlyMap<number, number> {
    return this.#counts
  }

  push(token: number): void {
    this.#generated.push(token)
    this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1)
  }

  /** Takes back the newest push and returns its token. Throws code `argument` when there is none. */
  pop(): number {
    const token = this.#generated.pop()
    if (token === undefined) throw new PacelineError('argument', 'the history holds no generated token to take back')
    const count = this.#counts.get(token)! - 1
    if (count > 0) this.#counts.set(token, count)
    else this.#counts.delete(token)
    return token
  }
}
