import type { Awaitable, StepTimes } from '../../decoding/index.ts'
import type { Candidates } from './candidates.ts'

/**
 * One pass of the head over these candidates: what may follow each is added to the candidates, and the indices are
 * returned. The root comes alone and first. Nodes that end the text, or that the head's context has no room for, stay without
 * children.
 */
export type Expand = (nodes: readonly number[]) => Promise<readonly (readonly number[])[]>

/** What became of a tree. */
export interface GrownTree {
  readonly candidates: Candidates
  /** Candidates by row of the tree. */
  readonly chosen: readonly number[]
  /** Rows of each pass of the head. */
  readonly passes: readonly number[]
  /** Accepted rows, the root first. */
  readonly path: readonly number[]
  /** Tokens of the accepted guesses, and the bonus token. */
  readonly emitted: readonly number[]
  /** As of a verdict. */
  readonly took?: StepTimes
}

/** A way to grow a tree of guesses: pure but for what it learns from outcomes, which lasts from text to text. */
export interface Growth {
  /** Children of a node that it looks at. */
  readonly width: number
  /** Children less likely than this are not worth a look; all are unless given. Of no use where siblings are drawn. */
  readonly leastProbability?: number
  /**
   * Under `rejection` siblings are drawn from the head's distribution without replacement, in the order of their ranks:
   * only for trees whose shape is known before anything is drawn. Others choose their guesses without chance.
   */
  readonly draws: boolean
  /** The candidates of the tree, `guesses` (at least 1) and the root at most: in rising order, the root first, none without its parent. */
  grow(candidates: Candidates, expand: Expand, guesses: number): Awaitable<readonly number[]>
  observe?(tree: GrownTree): void
}
