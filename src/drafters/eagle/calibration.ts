import type { Candidate } from './candidates.ts'
import type { GrownTree } from './growth.ts'

const binCount = 6
/** The best child, the second, and all others. */
const rankCount = 3
/** How much the head's own word counts in a bin, in accepted guesses. */
const prior = 1
/** How much of what was seen is left after a step: of the texts of a session, and of the last lines of this one. */
const memory = { ever: 0.999, lately: 0.93 }
const spans = ['ever', 'lately'] as const
/** How much the correction of all texts counts beside that of late, in accepted guesses. */
const everPrior = 2
/** How much is left after a step of what was seen of best children, which are few. */
const bestMemory = 0.98
/** Of the best child of an accepted node, before anything is known. */
const firstChance = 0.7

/**
 * What became of guesses whose parents were accepted, in bins of their rank among siblings and of the probability that the
 * head gave them: a best child of 0.3 is accepted far more often than a second one of 0.3, where the target takes its
 * likeliest token. Within a bin the head's own probabilities tell guesses apart, and how often they came true, against how
 * often they said, corrects them: lately, and where that says little, ever.
 */
export class Calibration {
  readonly #children = Array.from({ length: rankCount * binCount }, () => ({
    ever: { right: 0, expected: 0 },
    lately: { right: 0, expected: 0 },
  }))
  /** Of the best child, by the probability of its parent; the root has a bin of its own. */
  readonly #best = Array.from({ length: binCount + 1 }, () => ({ right: 0, seen: 0 }))
  readonly #all = { right: 0, seen: 0 }

  /** The chance that a guess is accepted where its parent is. */
  chance({ rank, logProbability }: Candidate): number {
    const probability = Math.exp(logProbability)
    const { ever, lately } = this.#children[childBin(rank, probability)]
    const correction = (ever.right + prior) / (ever.expected + prior)
    return Math.min(1, (probability * (lately.right + everPrior * correction)) / (lately.expected + everPrior))
  }

  /** The mean chance of the likeliest child of an accepted node. */
  get anyBestChild(): number {
    return (this.#all.right + prior * firstChance) / (this.#all.seen + prior)
  }

  /** The same of nodes that were as probable as this one. */
  bestChild(node: Candidate): number {
    const { right, seen } = this.#best[parentBin(node)]
    return (right + prior * this.anyBestChild) / (seen + prior)
  }

  /** Learns from every guess whose parent was accepted, also from those that did not enter the tree. */
  observe({ candidates, chosen, path, emitted }: GrownTree): void {
    for (const bin of this.#children)
      for (const since of spans) {
        bin[since].right *= memory[since]
        bin[since].expected *= memory[since]
      }
    for (const count of [...this.#best, this.#all]) {
      count.right *= bestMemory
      count.seen *= bestMemory
    }
    for (const [i, row] of path.entries()) {
      const children = candidates.childrenOf(chosen[row]).map((child) => candidates.at(child))
      if (children.length === 0) return
      // By what was known when it was guessed.
      const chances = children.map((child) => this.chance(child))
      const best = children[chances.indexOf(Math.max(...chances))]
      for (const count of [this.#best[parentBin(candidates.at(chosen[row]))], this.#all]) {
        count.seen++
        if (best.token === emitted[i]) count.right++
      }
      for (const { token, rank, logProbability } of children) {
        const probability = Math.exp(logProbability)
        const bin = this.#children[childBin(rank, probability)]
        for (const count of [bin.ever, bin.lately]) {
          count.expected += probability
          if (token === emitted[i]) count.right++
        }
      }
    }
  }
}

function childBin(rank: number, probability: number): number {
  return Math.min(rankCount - 1, rank) * binCount + binOf(probability)
}

function binOf(probability: number): number {
  return Math.min(binCount - 1, Math.floor(probability * binCount))
}

function parentBin({ parent, logProbability }: Candidate): number {
  return parent < 0 ? binCount : binOf(Math.exp(logProbability))
}
