import { Calibration } from './calibration.ts'
import type { Candidates } from './candidates.ts'
import type { Growth, GrowthLimits } from './growth.ts'
import type { TreeCosts } from './tree-costs.ts'
import { WorthOfGuesses } from './worth.ts'

/** Nodes expanded on one level, and children of each, at most: the width of the published tree. */
const width = 10
/** Levels that are looked ahead to tell whether the next one pays: a first guess may cost more than one guess can win. */
const horizon = 4
/** Guesses less likely than this are not thought about: hardly a row is so cheap, and most of what the head says is that. */
const leastChance = 0.02
/** How fast the speed of late forgets. */
const memory = 0.98
/** Where guessing does not pay, the head is asked after so many steps all the same, or no one would notice that it pays again. */
const probeEvery = 4

/**
 * EAGLE-2's tree with a size that pays instead of a fixed one. Time spent on guesses could be spent on steps as they went
 * of late, which win S tokens in the time of a one-row pass. So of all guesses that were seen the likeliest are kept, as many
 * as win the most beyond S (v(1 + guesses) - v(1)): each is worth its row while its chance exceeds S times what the row
 * adds to v. Another level is worth its pass while what its guesses are expected to add exceeds S times the pass, the
 * best child of each node being accepted as often as such children were.
 */
export function payingGrowth({ target, head }: TreeCosts): Growth {
  const calibration = new Calibration()
  const worth = new WorthOfGuesses(target)
  let [tokens, time] = [1, 1]
  let idle = 0

  /** How many of these nodes are worth a pass, by falling chance: 0 where none is. `seen` are chances, falling. */
  function nodesWorthAPass(
    frontier: readonly number[],
    candidates: Candidates,
    chances: readonly number[],
    seen: readonly number[],
    { guesses, rootRows }: GrowthLimits,
  ): number {
    const speed = tokens / time
    const now = worth.of(seen, [], guesses, speed).value
    let nodes = 0
    let gain = 0
    const further = calibration.anyBestChild
    const hopes: number[] = []
    for (let i = 0; i < Math.min(width, frontier.length); i++) {
      const node = frontier[i]
      insert(hopes, chances[node] * calibration.bestChild(candidates.at(node)))
      let drafting = head(node === 0 ? rootRows : i + 1)
      const ahead = hopes.slice()
      for (let level = 1, chance = hopes[0]; level <= horizon; level++) {
        const won = worth.of(seen, ahead, guesses, speed).value - now - speed * drafting
        if (won > gain) {
          nodes = i + 1
          gain = won
        }
        chance *= further
        insert(ahead, chance)
        drafting += head(1)
      }
    }
    return nodes
  }

  return {
    width,
    draws: false,
    async grow(candidates, expand, limits) {
      /** By candidate: that it is accepted with all before it. The root is. */
      const chances = [1]
      /** Of the guesses that are thought about, falling. */
      const seen: number[] = []
      const guesses: number[] = []
      let frontier: readonly number[] = [0]
      while (frontier.length > 0) {
        const probes = frontier[0] === 0 && idle >= probeEvery
        const nodes = nodesWorthAPass(frontier, candidates, chances, seen, limits)
        if (nodes === 0 && !probes) break
        const children = (await expand(frontier.slice(0, Math.max(1, nodes)))).flat()
        const level: number[] = []
        for (const child of children) {
          const candidate = candidates.at(child)
          chances[child] = chances[candidate.parent] * calibration.chance(candidate)
          if (chances[child] < leastChance) continue
          level.push(child)
          insert(seen, chances[child])
        }
        guesses.push(...level)
        frontier = likeliest(
          level.filter((child) => !candidates.isEnd(child)),
          chances,
        )
      }
      const { count } = worth.of(seen, [], limits.guesses, tokens / time)
      const kept = likeliest(guesses, chances).slice(0, count)
      return [0, ...kept.sort((a, b) => a - b)]
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

/** Puts a number where it belongs in a short list that falls. */
function insert(falling: number[], value: number): void {
  let at = falling.push(value) - 1
  for (; at > 0 && falling[at - 1] < value; at--) falling[at] = falling[at - 1]
  falling[at] = value
}

/** By falling chance, the earlier one first among equals: parents before their children. */
function likeliest(indices: readonly number[], chances: readonly number[]): number[] {
  return indices.toSorted((a, b) => chances[b] - chances[a] || a - b)
}
