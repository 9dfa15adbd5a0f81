import type { TokenTree } from './tree.ts'

/** Which rows of a tree the target agrees with, and the token it yields after them. */
export interface Acceptance {
  /** Accepted rows, the root first. */
  readonly path: readonly number[]
  readonly bonus: number
}

/**
 * Walks from the root along the tokens the target itself would emit, for as long as the tree guessed them.
 * `draw(row)` is the target's own next token after `row`: its argmax, or its draw at a temperature. It is called for
 * the rows of the path in order, and for no others. The emitted tokens are the target's whatever the tree holds.
 */
export function verify(tree: TokenTree, draw: (row: number) => number): Acceptance {
  const path = [0]
  for (;;) {
    const row = path[path.length - 1]
    const token = draw(row)
    const child = tree.child(row, token)
    if (child === undefined) return { path, bonus: token }
    path.push(child)
  }
}
