import { Calibration } from './calibration.ts'
import type { Growth } from './growth.ts'
import type { TreeCosts } from './tree-costs.ts'

/** Nodes expanded on one level, and children of each, at most: the width of the published tree. */
const width = 10
/** How fast the speed of late forgets. */
const memory = 0.98
/** Where guessing does not pay, the head is asked at least this often (in steps), or no one would notice that it pays again. */
const probeEvery = 4

/**
 * EAGLE-2's tree with a size that pays instead of a fixed one. Time spent on guesses could be spent on steps as they went
 * of late, which win S tokens in the time of a one-row pass. So guesses are worth the sum of the chances that they are
 * accepted, less S (v(1 + guesses) - v(1)): of what was seen, the likeliest are kept as far as that grows. And another
 * level is worth its pass while its nodes' best children, which are expected to be accepted as often as such children were,
 * add more to this than S times the time of the pass.
 *
 * v is measured and not smooth: the best number of guesses is looked for among all, so that one dear row does not hide
 * cheap ones behind it.
 */
export function payingGrowth({ target, head }: TreeCosts): Growth {
  const calibration = new Calibration()
  let [tokens, time] = [1, 1]
  let idle = 0

  /** The likeliest of these chances, as many as are worth it. */
  const worth = (chances: readonly number[], most: number) => {
    const falling = chances.toSorted((a, b) => b - a)
    let best = { count: 0, value: 0 }
    let sum = 0
    for (let count = 1; count <= Math.min(most, falling.length); count++) {
      sum += falling[count - 1]
      const value = sum - (tokens / time) * (target.v(1 + count) - target.v(1))
      if (value > best.value) best = { count, value }
    }
    return best
  }

  return {
    width,
    draws: false,
    async grow(candidates, expand, { guesses, rootRows }) {
      /** By candidate; the root is there. */
      const chances = [1]
      let frontier: readonly number[] = [0]
      for (;;) {
        const seen = chances.slice(1)
        const now = worth(seen, guesses).value
        let [nodes, gain] = [0, 0]
        const hopes: number[] = []
        for (const node of frontier.slice(0, width)) {
          hopes.push(chances[node] * calibration.bestChild(Math.exp(candidates.at(node).logProbability)))
          const pass = head(node === 0 ? rootRows : hopes.length)
          const more = worth([...seen, ...hopes], guesses).value - now - (tokens / time) * pass
          if (more > gain) [nodes, gain] = [hopes.length, more]
        }
        if (nodes === 0 && !(chances.length === 1 && idle >= probeEvery)) break
        const children = (await expand(frontier.slice(0, Math.max(1, nodes)))).flat()
        if (children.length === 0) break
        for (const child of children) {
          const { parent, logProbability } = candidates.at(child)
          chances[child] = chances[parent] * calibration.chance(Math.exp(logProbability))
        }
        frontier = likeliest(children, chances)
      }
      const { count } = worth(chances.slice(1), guesses)
      return [
        0,
        ...likeliest(candidates.guesses, chances)
          .slice(0, count)
          .sort((a, b) => a - b),
      ]
    },
    observe(tree) {
      const { chosen, passes, path } = tree
      calibration.observe(tree)
      idle = passes.length === 0 ? idle + 1 : 0
      tokens = memory * tokens + path.length
      time = memory * time + passes.reduce((sum, rows) => sum + head(rows), target.v(chosen.length))
    },
  }
}

/** By falling chance, the earlier one first among equals: parents before their children. */
function likeliest(indices: readonly number[], chances: readonly number[]): number[] {
  return indices.toSorted((a, b) => chances[b] - chances[a] || a - b)
}
