import type { HeadCosts, PassCosts } from '../../decoding/index.ts'

/** What a tree costs, in passes of the target of one row. */
export interface TreeCosts {
  readonly target: PassCosts
  readonly head: HeadCosts
}
