import type { PassCosts, StepTimes } from '../../decoding/index.ts'
import { LivingCosts } from '../living-costs.ts'
import { mostChildren } from '../trees/levels.ts'
import { expectedByLevel, RankFrequencies } from '../trees/rank-frequencies.ts'
import type { ShapeNode } from '../trees/shape.ts'
import { CutToPay, sizesThatPay } from '../trees/sizes.ts'
import { type SearchedTree, searchTree } from './tree-search.ts'

/** Guesses of the published trees, which are 64 rows with the root. */
export const publishedGuesses = 63

/** A way to choose the shape of the next tree: pure but for what it learns from outcomes, which lasts from text to text. */
export interface MedusaTree {
  /** Of the next step: the root first, parents before children, at most `guesses` behind the root. */
  choose(guesses: number): readonly ShapeNode[]
  /**
   * What the target made of the heads' guesses: of each token that it emitted, as far as there are heads, the rank that it
   * had with its head, -1 where it was none of the likeliest `mostChildren`. Empty where no head was asked. `step`: rows of its tree,
   * tokens that it emitted, and its times as of a verdict.
   */
  observe?(ranks: readonly number[], step: MedusaStep): void
}

export interface MedusaStep {
  readonly rows: number
  readonly tokens: number
  readonly took?: StepTimes
}

/** What a step with guesses costs, in passes of the target of one row. */
export interface MedusaCosts {
  readonly target: PassCosts
  /** All heads, once. */
  readonly heads: number
}

/** The tree that the search finds before anything is known, or its first guesses. */
export function expectedTree(heads: number, size: number = publishedGuesses): MedusaTree {
  const { nodes } = search(expectedByLevel, heads, size)
  return { choose: (guesses) => nodes.slice(0, 1 + guesses) }
}

/**
 * The tree that the search finds by how often guesses were right so far, cut to what pays: as many of its guesses as give
 * the most tokens per time. Shape and cut are made of earlier steps alone.
 */
export function payingTree(heads: number, { target, heads: cost }: MedusaCosts): MedusaTree {
  const frequencies = new RankFrequencies(expectedByLevel)
  const searchNow = () => search((depth, rank) => frequencies.chance(depth, rank), heads, publishedGuesses)
  let tree = searchNow()
  const living = new LivingCosts(target, { first: cost, next: 0 })
  const cut = new CutToPay(living, () =>
    sizesThatPay(tree.chances.slice(1), { plain: living.plain, guessing: (size) => living.guessing(1 + size, 0) }),
  )
  return {
    choose: (guesses) => tree.nodes.slice(0, 1 + Math.min(cut.next(), guesses)),
    observe(ranks, { rows, tokens, took }) {
      for (const [i, right] of ranks.entries())
        for (let rank = 0; rank < mostChildren; rank++) frequencies.observe(i + 1, rank, rank === right)
      cut.observe({ rows, drafting: ranks.length > 0 ? 0 : undefined, tokens }, took, () => {
        tree = searchNow()
      })
    },
  }
}

function search(accuracy: (depth: number, rank: number) => number, heads: number, guesses: number): SearchedTree {
  return searchTree(accuracy, { depth: heads, width: mostChildren, guesses })
}
