/** A node of a tree whose shape is known before its tokens: the `rank`-th likeliest child of its parent. */
export interface ShapeNode {
  /** Index in the shape; -1 for the root, which is node 0. */
  readonly parent: number
  readonly rank: number
  readonly depth: number
}
