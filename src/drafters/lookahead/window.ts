import type { Rows } from '../../model/index.ts'

/** An n-gram that the window has come upon: what the target would write after `before`, token by token. */
export interface Found {
  readonly before: number
  readonly ngram: readonly number[]
}

/**
 * The window of lookahead decoding: the last `levels` iterates of `width` neighbouring positions, oldest first. The token
 * of level l and column i stands l + i behind the root, which itself is column 0 of level 0. A row sees the root, the level
 * 0 up to its column, and its column up to itself:
 *
 *     root   L0[1]  L0[2]   ...        each row of level 0 follows the one before it,
 *      L1[0]  L1[1]  L1[2]  ...        each row of a later level the same column of the level before.
 *       L2[0]  L2[1]  L2[2] ...
 *
 * Once all levels are the target's, a column and the token it yields are an n-gram that the target might write.
 */
export class JacobiWindow {
  /** [levels][width]; column 0 of level 0 is the root's and holds whatever was there before. */
  #levels: number[][]
  #steps = 0

  /** `draw` makes the first tokens. All levels are filled at once, and n-grams come when the target has replaced them. */
  constructor(levels: number, width: number, draw: () => number) {
    this.#levels = Array.from({ length: levels }, () => Array.from({ length: width }, draw))
  }

  get width(): number {
    return this.#levels[0].length
  }

  /** Drops the columns from `width` on, for good. */
  narrow(width: number): void {
    if (width < this.width) this.#levels = this.#levels.map((level) => level.slice(0, width))
  }

  /** All rows but the root, which is the pass's row 0, where they follow a tree of `treeSize` rows; level by level. */
  riders(treeSize: number): Rows {
    const tokens = this.#levels.flat().slice(1)
    const parents = tokens.map((_, i) => {
      const [level, column] = [Math.floor((i + 1) / this.width), (i + 1) % this.width]
      return level === 0 ? this.#row(0, column - 1, treeSize) : this.#row(level - 1, column, treeSize)
    })
    return { tokens: Int32Array.from(tokens), parents: Int32Array.from(parents) }
  }

  /**
   * The pass was made: `draw(row)` is what the target yields after a row of it. The oldest level goes, the new one comes,
   * and so all columns move on by one position, as the text did at least.
   */
  advance(root: number, treeSize: number, draw: (row: number) => number): Found[] {
    const last = this.#levels.length - 1
    const oldest = [root, ...this.#levels[0].slice(1)].slice(0, this.width)
    const newest = oldest.map((_, column) => draw(this.#row(last, column, treeSize)))
    this.#levels = [...this.#levels.slice(1), newest]
    // After as many steps as there are later levels, these are the target's.
    if (this.#steps++ < last) return []
    return oldest.map((before, column) => ({ before, ngram: this.#levels.map((level) => level[column]) }))
  }

  #row(level: number, column: number, treeSize: number): number {
    const index = level * this.width + column
    return index === 0 ? 0 : treeSize - 1 + index
  }
}
