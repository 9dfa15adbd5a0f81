import type { HeadCosts, PassCosts } from '../../decoding/index.ts'

/** What these passes of a head should take beyond a first one of one row; `undefined` where there are none. */
export function draftingOf(passes: readonly number[], { first, next }: HeadCosts): number | undefined {
  if (passes.length === 0) return undefined
  return passes.reduce((sum, rows, i) => sum + (i === 0 ? first(rows) - first(1) : next(rows)), 0)
}

/** What a tree costs, in passes of the target of one row. */
export interface TreeCosts {
  readonly target: PassCosts
  readonly head: HeadCosts
}
