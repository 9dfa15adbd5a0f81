import { TokenTree } from '../../decoding/index.ts'
import type { Child } from '../trees/children.ts'

/** A guess that may enter the tree. */
export interface Candidate extends Child {
  /** Its parent's index; -1 for the root. */
  readonly parent: number
  /** Guesses up to it, its own included. */
  readonly depth: number
  /** Its place among the children of its parent. */
  readonly rank: number
  /** Log-probability of the path to it: never above its parent's. */
  readonly score: number
}

/** All guesses of a step, whether they enter the tree or not. Candidate 0 is the root; parents come before children. */
export class Candidates {
  readonly #all: Candidate[]
  readonly #children = new Map<number, readonly number[]>()
  readonly #ends: ReadonlySet<number> | undefined

  /**
   * `ends`: tokens that end the text. They are no guesses: the row before one tells of it, and nothing follows. Where siblings are
   * drawn they are, since what is left out for what it is would bend the distribution; then nothing is guessed behind them.
   */
  constructor(root: number, ends?: ReadonlySet<number>) {
    this.#ends = ends
    this.#all = [{ token: root, logProbability: 0, parent: -1, depth: 0, rank: 0, score: 0 }]
  }

  /** Indices of all but the root, in their order. */
  get guesses(): number[] {
    return this.#all.slice(1).map((_, i) => i + 1)
  }

  at(index: number): Candidate {
    return this.#all[index]
  }

  /** Whether the text ends there, so that nothing can follow. */
  isEnd(index: number): boolean {
    return this.#ends?.has(this.#all[index].token) ?? false
  }

  /** Appends what may follow `parent`, best first; once for each parent. Returns the indices. */
  add(parent: number, children: readonly Child[], drawn = false): readonly number[] {
    const { depth, score } = this.#all[parent]
    const indices: number[] = []
    for (let rank = 0; rank < children.length; rank++) {
      const { token, logProbability } = children[rank]
      if (!drawn && this.#ends?.has(token)) continue
      // Rounding must not lift a child above its parent: the tree would lose its ancestor.
      const own = Math.min(0, logProbability)
      indices.push(
        this.#all.push({ token, logProbability: own, parent, depth: depth + 1, rank, score: score + own }) - 1,
      )
    }
    this.#children.set(parent, indices)
    return indices
  }

  /** Best first; none unless a pass of the head has told. */
  childrenOf(index: number): readonly number[] {
    return this.#children.get(index) ?? []
  }

  /** The tokens of the path to a candidate, the root's left out. */
  pathTo(index: number): number[] {
    const path: number[] = []
    for (let at = index; at > 0; at = this.#all[at].parent) path.unshift(this.#all[at].token)
    return path
  }

  /** The tree of these candidates: indices in rising order, the root first, each with its parent among them. */
  tree(chosen: readonly number[]): TokenTree {
    const rows = new Map(chosen.map((index, row) => [index, row]))
    return new TokenTree(
      chosen.map((index) => this.#all[index].token),
      chosen.map((index) => (index === 0 ? -1 : (rows.get(this.#all[index].parent) ?? Number.NaN))),
    )
  }
}
