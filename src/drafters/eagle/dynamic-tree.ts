import type { Candidates } from './candidates.ts'
import type { Growth } from './growth.ts'

export interface DynamicTreeSizes {
  /** Rows of a pass of the target, the root included. */
  readonly rows: number
  /** Guesses one after the other. */
  readonly depth: number
  /** Nodes expanded on each level, and children of each. */
  readonly width: number
}

/**
 * The tree of EAGLE-2 (Li et al. 2024, section 4). Expand: on each level the `width` nodes of the largest path probability
 * get `width` children. Rerank: of all that was seen the rows - 1 of the largest path probability, wherever they are. A
 * path is never likelier than its beginning, and among equals the earlier candidate goes first, so that no node comes
 * without its ancestors.
 */
export function dynamicTree({ rows, depth, width }: DynamicTreeSizes): Growth {
  return {
    width,
    draws: false,
    async grow(candidates, expand, most) {
      const guesses = Math.min(rows - 1, most)
      // No path of the tree is longer than the tree is large.
      const levels = Math.min(depth, guesses)
      let frontier: readonly number[] = [0]
      for (let level = 0; level < levels && frontier.length > 0; level++)
        frontier = best((await expand(frontier)).flat(), width, candidates)
      return [0, ...best(candidates.guesses, guesses, candidates).sort((a, b) => a - b)]
    },
  }
}

/** The `count` candidates of the largest path probability, the earlier one first among equals. */
function best(indices: readonly number[], count: number, candidates: Candidates): number[] {
  return indices.toSorted((a, b) => candidates.at(b).score - candidates.at(a).score || a - b).slice(0, count)
}
