import { AcceptanceByRank } from './acceptance-by-rank.ts'
import type { Growth } from './growth.ts'
import { expandedByLevel, growShape, type Shape, widthOf } from './static-tree.ts'
import type { TreeCosts } from './tree-costs.ts'

/** The size is thought over again after so many steps. */
const stepsBetween = 16
/** Where guessing does not pay, it is tried at least this often (in steps), or no one would notice that it pays again. */
const probeEvery = 4

/** A tree of one shape, or its first `size` guesses in the order of what they are worth before anything is known. */
export function staticGrowth(shape: Shape, size = shape.length - 1): Growth {
  const order = new AcceptanceByRank(shape).order()
  return {
    width: widthOf(shape),
    draws: true,
    grow: (_, expand, { guesses }) => growShape(shape, order.slice(0, 1 + Math.min(size, guesses)), expand),
  }
}

/**
 * A tree of one shape, cut to what pays: its guesses in the order of the chance that they are accepted, as many as give
 * the most tokens per time, (1 + sum of chances) / (D + v(rows)). Chances are frequencies by depth and rank. The cut is
 * made before anything is drawn and follows from earlier steps alone, so rejection sampling stays exact.
 */
export function payingStaticGrowth(shape: Shape, costs: TreeCosts): Growth {
  const acceptance = new AcceptanceByRank(shape)
  let order = acceptance.order()
  let sizes = bestSizes(shape, order, acceptance, costs)
  let steps = 0
  let idle = 0
  return {
    width: widthOf(shape),
    draws: true,
    grow(_, expand, { guesses }) {
      const size = sizes.best > 0 || idle < probeEvery ? sizes.best : sizes.bestGuessing
      idle = size > 0 ? 0 : idle + 1
      return growShape(shape, order.slice(0, 1 + Math.min(size, guesses)), expand)
    },
    observe(tree) {
      acceptance.observe(tree)
      if (++steps % stepsBetween > 0) return
      order = acceptance.order()
      sizes = bestSizes(shape, order, acceptance, costs)
    },
  }
}

/** Guesses that give the most tokens per time, and the same of at least one; the fewest among equals. */
export function bestSizes(
  shape: Shape,
  order: readonly number[],
  acceptance: Pick<AcceptanceByRank, 'chances'>,
  { target, head }: TreeCosts,
): { readonly best: number; readonly bestGuessing: number } {
  const chances = acceptance.chances()
  let tokens = 1
  let best = { size: 0, speed: 1 / target.v(1) }
  let guessing = { size: 1, speed: 0 }
  for (let size = 1; size < order.length; size++) {
    tokens += chances[order[size]]
    const [, ...levels] = expandedByLevel(shape, order.slice(0, size + 1))
    // The first pass reads what the step before decided: as many pairs as a step emits tokens.
    const drafting = head(tokens) + levels.reduce((sum, rows) => sum + head(rows), 0)
    const speed = tokens / (drafting + target.v(size + 1))
    if (speed > guessing.speed) guessing = { size, speed }
    if (speed > best.speed) best = { size, speed }
  }
  return { best: best.size, bestGuessing: guessing.size }
}
