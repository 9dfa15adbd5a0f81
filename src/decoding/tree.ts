import { PacelineError } from '../errors.ts'

/**
 * The rows of one step: row 0 is the root (the newest token, decided, not yet in the cache), the others are guesses.
 * parents[i] < i for i > 0; siblings differ in their token, so that a token names at most one child.
 * Throws code `argument` for anything else.
 */
export class TokenTree {
  readonly tokens: Int32Array
  readonly parents: Int32Array
  readonly #children: ReadonlyMap<number, number>[]

  constructor(tokens: ArrayLike<number>, parents: ArrayLike<number>) {
    if (tokens.length === 0 || tokens.length !== parents.length)
      throw new PacelineError('argument', `token tree: ${tokens.length} tokens and ${parents.length} parents`)
    this.tokens = Int32Array.from(tokens)
    this.parents = Int32Array.from(parents)
    const children = Array.from(this.tokens, () => new Map<number, number>())
    for (let row = 0; row < parents.length; row++) {
      const parent = parents[row]
      if (row === 0 ? parent !== -1 : !(Number.isInteger(parent) && parent >= 0 && parent < row))
        throw new PacelineError('argument', `token tree: row ${row} has parent ${parent}`)
      if (row === 0) continue
      const token = this.tokens[row]
      if (children[parent].has(token))
        throw new PacelineError('argument', `token tree: two children of row ${parent} guess ${token}`)
      children[parent].set(token, row)
    }
    this.#children = children
  }

  /** Rows, the root included. */
  get size(): number {
    return this.tokens.length
  }

  /** The longest path, in guesses. */
  get depth(): number {
    const depths = new Int32Array(this.size)
    for (let row = 1; row < this.size; row++) depths[row] = depths[this.parents[row]] + 1
    return depths.reduce((a, b) => Math.max(a, b))
  }

  /** The children of `row`, in the order of rows. */
  children(row: number): Iterable<number> {
    return this.#children[row].values()
  }

  /** The child of `row` that guesses `token`. */
  child(row: number, token: number): number | undefined {
    return this.#children[row].get(token)
  }
}

/** A tree without branches: the root and guesses that follow one another. */
export function chain(root: number, guesses: ArrayLike<number> = []): TokenTree {
  const tokens = [root, ...Array.from(guesses)]
  return new TokenTree(
    tokens,
    tokens.map((_, i) => i - 1),
  )
}
