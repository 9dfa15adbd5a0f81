import type { HeadCosts } from '../../decoding/index.ts'
import { LivingCosts } from '../living-costs.ts'
import { CutToPay, type Sizes, sizesThatPay } from '../trees/sizes.ts'
import { AcceptanceByRank } from './acceptance-by-rank.ts'
import type { Growth } from './growth.ts'
import { expandedByLevel, growShape, type Shape, widthOf } from './static-tree.ts'
import { draftingOf, type TreeCosts } from './tree-costs.ts'

/** A tree of one shape, or its first `size` guesses in the order of what they are worth before anything is known. */
export function staticGrowth(shape: Shape, size = shape.length - 1): Growth {
  const order = new AcceptanceByRank(shape).order()
  return {
    width: widthOf(shape),
    draws: true,
    grow: (candidates, expand, guesses) =>
      growShape(shape, order.slice(0, 1 + Math.min(size, guesses)), candidates, expand),
  }
}

/**
 * A tree of one shape, cut to what pays: its guesses in the order of the chance that they are accepted, as many as give
 * the most tokens per time, (1 + sum of chances) / (D + v(rows)). Chances are frequencies by depth and rank. The cut is
 * made before anything is drawn and follows from earlier steps alone, so rejection sampling stays exact.
 */
export function payingStaticGrowth(shape: Shape, { target, head }: TreeCosts): Growth {
  const acceptance = new AcceptanceByRank(shape)
  const living = new LivingCosts(target, { first: head.first(1), next: head.next(1) })
  let order = acceptance.order()
  const cut = new CutToPay(living, () => bestSizes(shape, order, acceptance, { living, head }))
  return {
    width: widthOf(shape),
    draws: true,
    grow: (candidates, expand, guesses) =>
      growShape(shape, order.slice(0, 1 + Math.min(cut.next(), guesses)), candidates, expand),
    observe(tree) {
      const { chosen, passes, path, took } = tree
      acceptance.observe(tree)
      const work = { rows: chosen.length, drafting: draftingOf(passes, head), tokens: path.length }
      cut.observe(work, took, () => {
        order = acceptance.order()
      })
    },
  }
}

/** Guesses of this order that give the most tokens per time, and the same of at least one. */
export function bestSizes(
  shape: Shape,
  order: readonly number[],
  acceptance: Pick<AcceptanceByRank, 'chances'>,
  { living, head }: { readonly living: Pick<LivingCosts, 'plain' | 'guessing'>; readonly head: HeadCosts },
): Sizes {
  const chances = acceptance.chances()
  const guesses = order.slice(1).map((node) => chances[node])
  return sizesThatPay(guesses, {
    plain: living.plain,
    guessing(size, tokens) {
      const [, ...levels] = expandedByLevel(shape, order.slice(0, size + 1))
      // The first pass reads what the step before decided: as many pairs as a step emits tokens.
      return living.guessing(1 + size, draftingOf([tokens, ...levels], head)!)
    },
  })
}
