import { mostChildren } from '../trees/levels.ts'
import { expectedByLevel, RankFrequencies } from '../trees/rank-frequencies.ts'
import { probeEvery, stepsBetween } from '../trees/sizes.ts'
import { type BitaCosts, type PlanLimits, plan } from './plan.ts'
import { type BitaTree, cut } from './trees.ts'

const root = { parent: -1, rank: 0, depth: 0 }

/**
 * The budgeted tree: guesses, and masks behind them, that give the most tokens per time by what was seen of the masks' guesses
 * and by what rows cost here. It is made of earlier steps alone, and thought over every so often.
 */
export function payingTree(costs: BitaCosts, limits: PlanLimits): BitaTree {
  const frequencies = new RankFrequencies(expectedByLevel)
  const accuracy = (depth: number, rank: number) => frequencies.chance(depth, rank)
  let planned = plan(accuracy, costs, limits)
  let steps = 0
  let idle = 0
  return {
    choose(levels, rows) {
      const { shape } = planned.decisions[levels]
      const rides = shape.masks.some((count) => count > 0)
      // Where masks do not pay they ride now and then, or no one would notice that they pay again.
      idle = rides ? 0 : idle + 1
      if (idle <= probeEvery) return cut(shape, rows)
      idle = 0
      return cut({ nodes: [root], masks: [limits.maskCount] }, rows)
    },
    observe(ranks) {
      for (const [i, right] of ranks.entries())
        for (let rank = 0; rank < mostChildren; rank++) frequencies.observe(i + 1, rank, rank === right)
      if (++steps % stepsBetween === 0) planned = plan(accuracy, costs, limits, planned.outlook)
    },
  }
}
