import { mostChildren } from '../trees/levels.ts'
import { expectedByLevel, RankFrequencies } from '../trees/rank-frequencies.ts'
import { stepsBetween } from '../trees/sizes.ts'
import type { BitaCosts, PlanLimits } from './best-shape.ts'
import { plan } from './plan.ts'
import { type BitaTree, cut } from './trees.ts'

const root = { parent: -1, rank: 0, depth: 0 }

/**
 * Where masks do not pay one rides at least this often (in steps), or no one would notice that they pay again. Seldom: a mask
 * costs a row, its prefix and the LM head, and wins nothing in its own step.
 */
const probeEvery = 32

/**
 * The budgeted tree: guesses, and masks behind them, that give the most tokens per time by what was seen of the masks' guesses
 * and by what rows cost here. It is made of earlier steps alone, and thought over every so often.
 */
export function payingTree(costs: BitaCosts, limits: PlanLimits): BitaTree {
  const frequencies = new RankFrequencies(expectedByLevel)
  const ranks = Array.from({ length: mostChildren }, (_, rank) => rank)
  /** [maskCount][mostChildren], as known now. */
  const known = () => {
    const table = Array.from({ length: limits.maskCount }, (_, i) =>
      ranks.map((rank) => frequencies.chance(i + 1, rank)),
    )
    return (depth: number, rank: number) => table[depth - 1][rank]
  }
  let planned = plan(known(), costs, limits)
  let steps = 0
  /** Frequencies change ever more slowly: the more steps there were, the longer a plan lasts. */
  let again = stepsBetween
  let idle = 0
  return {
    choose(levels, rows) {
      const { shape } = planned.decisions[levels]
      const rides = shape.masks.some((count) => count > 0)
      idle = rides ? 0 : idle + 1
      if (idle <= probeEvery) return cut(shape, rows)
      idle = 0
      return cut({ nodes: [root], masks: [1] }, rows)
    },
    observe(emitted) {
      for (const [i, right] of emitted.entries())
        for (const rank of ranks) frequencies.observe(i + 1, rank, rank === right)
      if (++steps < again) return
      again = steps + Math.max(stepsBetween, steps >> 2)
      planned = plan(known(), costs, limits, planned.outlook)
    },
  }
}
