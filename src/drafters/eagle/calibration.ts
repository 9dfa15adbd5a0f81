import type { Candidate } from './candidates.ts'
import type { GrownTree } from './growth.ts'

const binCount = 6
/** The best child, the second, and all others. */
const rankCount = 3
/** How much the head's own word counts in a bin, in accepted guesses. */
const prior = 1
/**
 * How much of what was seen is left after a step: of the texts of a session, of the last lines of this one, and of best
 * children, which are few.
 */
const memory = { ever: 0.999, lately: 0.93, best: 0.98 }
/** How much the correction of all texts counts beside that of late, in accepted guesses. */
const everPrior = 2
/** Of the best child of an accepted node, before anything is known. */
const firstChance = 0.7

/**
 * What became of guesses whose parents were accepted, in bins of their rank among siblings and of the probability that the
 * head gave them: a best child of 0.3 is accepted far more often than a second one of 0.3, where the target takes its
 * likeliest token. Within a bin the head's own probabilities tell guesses apart, and how often they came true, against how
 * often they said, corrects them: lately, and where that says little, ever.
 */
export class Calibration {
  readonly #ever = new Tally(rankCount * binCount)
  readonly #lately = new Tally(rankCount * binCount)
  /** Of the best child, by the probability of its parent; the root has a bin of its own, and all together the last one. */
  readonly #best = new Tally(binCount + 2)

  /** The chance that a guess is accepted where its parent is. */
  chance({ rank, logProbability }: Candidate): number {
    const probability = Math.exp(logProbability)
    const bin = childBin(rank, probability)
    const correction = (this.#ever.right[bin] + prior) / (this.#ever.expected[bin] + prior)
    const right = this.#lately.right[bin] + everPrior * correction
    return Math.min(1, (probability * right) / (this.#lately.expected[bin] + everPrior))
  }

  /** The mean chance of the likeliest child of an accepted node. */
  get anyBestChild(): number {
    return (this.#best.right[anyParent] + prior * firstChance) / (this.#best.expected[anyParent] + prior)
  }

  /** The same of nodes that were as probable as this one. */
  bestChild(node: Candidate): number {
    const bin = parentBin(node)
    return (this.#best.right[bin] + prior * this.anyBestChild) / (this.#best.expected[bin] + prior)
  }

  /** Learns from every guess whose parent was accepted, also from those that did not enter the tree. */
  observe({ candidates, chosen, path, emitted }: GrownTree): void {
    // Of a step that asked the head nothing there is nothing to learn, and nothing is forgotten for it.
    if (candidates.childrenOf(0).length === 0) return
    this.#ever.forget(memory.ever)
    this.#lately.forget(memory.lately)
    this.#best.forget(memory.best)
    for (let i = 0; i < path.length; i++) {
      const parent = chosen[path[i]]
      const children = candidates.childrenOf(parent)
      if (children.length === 0) return
      // By what was known when it was guessed.
      let best = { token: -1, chance: -1 }
      for (const child of children) {
        const candidate = candidates.at(child)
        const chance = this.chance(candidate)
        if (chance > best.chance) best = { token: candidate.token, chance }
      }
      const bestIsRight = best.token === emitted[i]
      this.#best.count(parentBin(candidates.at(parent)), 1, bestIsRight)
      this.#best.count(anyParent, 1, bestIsRight)
      for (const child of children) {
        const { token, rank, logProbability } = candidates.at(child)
        const probability = Math.exp(logProbability)
        const bin = childBin(rank, probability)
        this.#ever.count(bin, probability, token === emitted[i])
        this.#lately.count(bin, probability, token === emitted[i])
      }
    }
  }
}

/** How many guesses of each bin came true, and how many were expected to. */
class Tally {
  readonly right: Float64Array
  readonly expected: Float64Array

  constructor(bins: number) {
    this.right = new Float64Array(bins)
    this.expected = new Float64Array(bins)
  }

  count(bin: number, expected: number, right: boolean): void {
    this.expected[bin] += expected
    if (right) this.right[bin]++
  }

  forget(memory: number): void {
    for (let bin = 0; bin < this.right.length; bin++) {
      this.right[bin] *= memory
      this.expected[bin] *= memory
    }
  }
}

/** Bins of parents: those of their probability, the root, and all. */
const rootParent = binCount
const anyParent = binCount + 1

function childBin(rank: number, probability: number): number {
  return Math.min(rankCount - 1, rank) * binCount + binOf(probability)
}

function binOf(probability: number): number {
  return Math.min(binCount - 1, Math.floor(probability * binCount))
}

function parentBin({ parent, logProbability }: Candidate): number {
  return parent < 0 ? rootParent : binOf(Math.exp(logProbability))
}
