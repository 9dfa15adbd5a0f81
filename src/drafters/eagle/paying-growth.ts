import { LivingCosts } from '../living-costs.ts'
import { Calibration } from './calibration.ts'
import type { Candidates } from './candidates.ts'
import type { Growth } from './growth.ts'
import type { TreeCosts } from './tree-costs.ts'
import { WorthOfGuesses } from './worth.ts'

/** Nodes expanded on one level, and children of each, at most: the width of the published tree. */
const width = 10
/** Levels that are looked ahead to tell whether the next one pays: a first guess may cost more than one guess can win. */
const horizon = 4
/** Guesses less likely than this are not thought about: hardly a row is so cheap, and most of what the head says is that. */
const leastChance = 0.02
/** Nor are those that the head holds less likely, corrected or not. */
const leastProbability = leastChance / 5
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
  const living = new LivingCosts(target)
  let [tokens, time] = [1, 1]
  let idle = 0

  /** How many nodes of the frontier are worth a pass, the likeliest first: 0 where none is. `seen` are chances, falling. */
  function nodesWorthAPass(frontier: Ranked, candidates: Candidates, seen: readonly number[], guesses: number): number {
    const [rowSpeed, draftSpeed] = [living.rows * (tokens / time), living.drafting * (tokens / time)]
    const now = worth.of(seen, [], guesses, rowSpeed).value
    const further = calibration.anyBestChild
    let nodes = 0
    let gain = 0
    const hopes: number[] = []
    for (let i = 0; i < Math.min(width, frontier.nodes.length); i++) {
      const node = frontier.nodes[i]
      insert(hopes, frontier.chances[i] * calibration.bestChild(candidates.at(node)))
      // What else waits to be read with the root has to be read by some step, be it this one or a later one.
      let drafting = node === 0 ? head.first(1) : head.next(i + 1)
      const ahead = hopes.slice()
      let hoped = hopes.reduce((sum, chance) => sum + chance, 0)
      for (let level = 1, chance = hopes[0]; level <= horizon; level++) {
        // Guesses win no more than their chances, rows being what they are: mostly that is an answer.
        if (hoped - draftSpeed * drafting > gain) {
          const won = worth.of(seen, ahead, guesses, rowSpeed).value - now - draftSpeed * drafting
          if (won > gain) {
            nodes = i + 1
            gain = won
          }
        }
        chance *= further
        hoped += chance
        insert(ahead, chance)
        drafting += head.next(1)
      }
    }
    return nodes
  }

  return {
    width,
    leastProbability,
    draws: false,
    async grow(candidates, expand, guesses) {
      /** Guesses that are thought about, by the chance that they are accepted with all before them. */
      const seen = new Ranked()
      let frontier = new Ranked()
      frontier.add(0, 1)
      while (frontier.nodes.length > 0) {
        const probes = frontier.nodes[0] === 0 && idle >= probeEvery
        const nodes = nodesWorthAPass(frontier, candidates, seen.chances, guesses)
        if (nodes === 0 && !probes) break
        const expanded = frontier.nodes.slice(0, Math.max(1, nodes))
        const children = await expand(expanded)
        const level = new Ranked()
        for (let i = 0; i < expanded.length; i++) {
          for (const child of children[i]) {
            const chance = frontier.chances[i] * calibration.chance(candidates.at(child))
            if (chance < leastChance) continue
            seen.add(child, chance)
            level.add(child, chance)
          }
        }
        frontier = level
      }
      const { count } = worth.of(seen.chances, [], guesses, living.rows * (tokens / time))
      return [0, ...seen.nodes.slice(0, count).sort((a, b) => a - b)]
    },
    observe(tree) {
      const { chosen, passes, path, took } = tree
      calibration.observe(tree)
      idle = passes.length === 0 ? idle + 1 : 0
      const drafting = passes.reduce((sum, rows, i) => sum + (i === 0 ? head.first(rows) : head.next(rows)), 0)
      tokens = memory * tokens + path.length
      time = memory * time + living.observe({ rows: chosen.length, drafting }, took)
    },
  }
}

/** Candidates by falling chance, the earlier one first among equals: parents before their children. */
class Ranked {
  readonly nodes: number[] = []
  readonly chances: number[] = []

  add(node: number, chance: number): void {
    const at = insert(this.chances, chance)
    this.nodes.push(node)
    for (let i = this.nodes.length - 1; i > at; i--) this.nodes[i] = this.nodes[i - 1]
    this.nodes[at] = node
  }
}

/** Puts a number where it belongs in a short list that falls, behind its equals, and tells where. */
function insert(falling: number[], value: number): number {
  let at = falling.push(value) - 1
  for (; at > 0 && falling[at - 1] < value; at--) falling[at] = falling[at - 1]
  falling[at] = value
  return at
}
