import { PacelineError } from '../errors.ts'

/**
 * The rows of one step: row 0 is the root (the newest token, decided, not yet in the cache), the others are guesses.
 * parents[i] < i for i > 0; siblings differ in their token, so that a token names at most one child.
 * Throws code `argument` for anything else.
 */
export class TokenTree {
  readonly tokens: Int32Array
  readonly parents: Int32Array
  /** Of each row, its first child, and the next child of its parent; 0 where there is none: row 0 is no one's child. */
  readonly #firstChild: Int32Array
  readonly #nextSibling: Int32Array

  constructor(tokens: ArrayLike<number>, parents: ArrayLike<number>) {
    const size = tokens.length
    if (size === 0 || size !== parents.length)
      throw new PacelineError('argument', `token tree: ${size} tokens and ${parents.length} parents`)
    for (let row = 0; row < size; row++) {
      const parent = parents[row]
      if (row === 0 ? parent !== -1 : !(Number.isInteger(parent) && parent >= 0 && parent < row))
        throw new PacelineError('argument', `token tree: row ${row} has parent ${parent}`)
    }
    this.tokens = new Int32Array(tokens)
    this.parents = new Int32Array(parents)
    this.#firstChild = new Int32Array(size)
    this.#nextSibling = new Int32Array(size)
    // From the last row on, so that each child comes before those that were there, and they stand in the order of rows.
    for (let row = size - 1; row > 0; row--) {
      const parent = this.parents[row]
      if (this.child(parent, this.tokens[row]) !== undefined)
        throw new PacelineError('argument', `token tree: two children of row ${parent} guess ${this.tokens[row]}`)
      this.#nextSibling[row] = this.#firstChild[parent]
      this.#firstChild[parent] = row
    }
  }

  /** Rows, the root included. */
  get size(): number {
    return this.tokens.length
  }

  /** The longest path, in guesses. */
  get depth(): number {
    const depths = new Int32Array(this.size)
    let deepest = 0
    for (let row = 1; row < this.size; row++) {
      depths[row] = depths[this.parents[row]] + 1
      if (depths[row] > deepest) deepest = depths[row]
    }
    return deepest
  }

  /** The children of `row`, in the order of rows. */
  *children(row: number): Generator<number, void, undefined> {
    for (let child = this.#firstChild[row]; child > 0; child = this.#nextSibling[child]) yield child
  }

  /** The child of `row` that guesses `token`. Siblings are few: looking at each is faster than a map of them. */
  child(row: number, token: number): number | undefined {
    for (let child = this.#firstChild[row]; child > 0; child = this.#nextSibling[child])
      if (this.tokens[child] === token) return child
    return undefined
  }
}

/** A tree without branches: the root and guesses that follow one another. */
export function chain(root: number, guesses: ArrayLike<number> = []): TokenTree {
  const tokens = new Int32Array(guesses.length + 1)
  const parents = new Int32Array(tokens.length)
  tokens[0] = root
  for (let row = 0; row < tokens.length; row++) {
    parents[row] = row - 1
    if (row > 0) tokens[row] = guesses[row - 1]
  }
  return new TokenTree(tokens, parents)
}
