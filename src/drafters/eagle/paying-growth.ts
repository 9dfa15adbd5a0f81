import { LivingCosts } from '../living-costs.ts'
import { Calibration } from './calibration.ts'
import type { Candidates } from './candidates.ts'
import { Falling } from './falling.ts'
import type { Growth } from './growth.ts'
import { draftingOf, type TreeCosts } from './tree-costs.ts'
import { WorthOfGuesses } from './worth.ts'

/** Nodes expanded on one level, and children of each, at most: the width of the published tree. */
const width = 10
/** Levels that are looked ahead to tell whether the next one pays: a first guess may cost more than one guess can win. */
const horizon = 8
/** Guesses less likely than this are not thought about: hardly a row is so cheap, and most of what the head says is that. */
const leastChance = 0.02
/** Nor are those that the head holds less likely, corrected or not. */
const leastProbability = leastChance / 5
/** As many as were ever worth a row: the published tree has 60. */
const mostGuesses = 127

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
  const living = new LivingCosts(target, { first: head.first(1), next: head.next(1) })

  /** Guesses that are thought about, by the chance that they are accepted with all before them: as many as a pass has rows. */
  const seen = new Falling(mostGuesses)
  /** Those of the last level, which may be expanded, and of the level that is in the making. */
  const frontier = new Falling(mostGuesses)
  const level = new Falling(mostGuesses)
  /** Best children that a pass is hoped to find, and those of the levels behind it. */
  const hopes = new Falling(width)
  const ahead = new Falling(width + horizon)

  /** How many nodes of the frontier are worth a pass, the likeliest first: 0 where none is. */
  function nodesWorthAPass(candidates: Candidates, guesses: number): number {
    const { speed } = living
    const rowSpeed = living.rows * speed
    const further = calibration.anyBestChild
    const furtherPass = living.drafting * head.next(1)
    const now = worth.of(seen, undefined, guesses, rowSpeed).value
    let nodes = 0
    let gain = 0
    let hopedHere = 0
    hopes.clear()
    for (let i = 0; i < Math.min(width, frontier.length); i++) {
      const node = frontier.nodes[i]
      const hope = frontier.values[i] * calibration.bestChild(candidates.at(node))
      hopes.add(hope)
      hopedHere += hope
      // What else waits to be read with the root has to be read by some step, be it this one or a later one.
      let drafting = node === 0 ? living.entry : living.drafting * head.next(i + 1)
      let hoped = hopedHere
      ahead.copy(hopes)
      for (let more = 1, chance = hopes.values[0]; more <= horizon; more++) {
        // Guesses win no more than their chances, rows being what they are: mostly that is an answer.
        if (hoped - speed * drafting > gain) {
          const won = worth.of(seen, ahead, guesses, rowSpeed).value - now - speed * drafting
          if (won > gain) {
            nodes = i + 1
            gain = won
          }
        }
        chance *= further
        hoped += chance
        ahead.add(chance)
        drafting += furtherPass
      }
    }
    return nodes
  }

  return {
    width,
    leastProbability,
    draws: false,
    async grow(candidates, expand, most) {
      if (living.doubts) return [0]
      const guesses = Math.min(most, mostGuesses)
      seen.clear()
      frontier.clear().add(1, 0) // the root
      while (frontier.length > 0) {
        const nodes = nodesWorthAPass(candidates, guesses)
        if (nodes === 0 && !(frontier.nodes[0] === 0 && living.tries)) break
        const expanded = Array.from(frontier.nodes.subarray(0, Math.max(1, nodes)))
        const children = await expand(expanded)
        level.clear()
        for (let i = 0; i < expanded.length; i++) {
          for (const child of children[i]) {
            const chance = frontier.values[i] * calibration.chance(candidates.at(child))
            if (chance < leastChance) continue
            seen.add(chance, child)
            level.add(chance, child)
          }
        }
        frontier.copy(level)
      }
      const { count } = worth.of(seen, undefined, guesses, living.rows * living.speed)
      return [0, ...Array.from(seen.nodes.subarray(0, count)).sort((a, b) => a - b)]
    },
    observe(tree) {
      const { chosen, passes, path, took } = tree
      calibration.observe(tree)
      living.observe({ rows: chosen.length, drafting: draftingOf(passes, head), tokens: path.length }, took)
    },
  }
}
