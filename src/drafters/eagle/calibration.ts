import type { GrownTree } from './growth.ts'

const binCount = 10
/** How much the head's own word counts in a bin, in accepted guesses. */
const prior = 4
/** Of the best child of an accepted node, before anything is known. */
const firstChance = 0.7

/**
 * What became of guesses whose parents were accepted, in ten bins of the probability that the head gave them. Within a bin
 * the head's own probabilities tell guesses apart, and how often they came true, against how often they said, corrects them.
 */
export class Calibration {
  readonly #children = Array.from({ length: binCount }, () => ({ right: 0, expected: 0 }))
  /** Of the first child, by the probability of its parent. */
  readonly #best = Array.from({ length: binCount }, () => ({ right: 0, seen: 0 }))
  readonly #all = { right: 0, seen: 0 }

  /** The chance that a guess of this probability is accepted where its parent is. */
  chance(probability: number): number {
    const { right, expected } = this.#children[binOf(probability)]
    return Math.min(1, (probability * (right + prior)) / (expected + prior))
  }

  /** The mean chance of the likeliest child of an accepted node that had this probability itself. */
  bestChild(probability: number): number {
    const all = (this.#all.right + prior * firstChance) / (this.#all.seen + prior)
    const { right, seen } = this.#best[binOf(probability)]
    return (right + prior * all) / (seen + prior)
  }

  /** Learns from every guess whose parent was accepted, also from those that did not enter the tree. */
  observe({ candidates, chosen, path, emitted }: GrownTree): void {
    for (const [i, row] of path.entries()) {
      const children = candidates.childrenOf(chosen[row])
      if (children.length === 0) return
      const best = this.#best[binOf(Math.exp(candidates.at(chosen[row]).logProbability))]
      for (const [rank, child] of children.entries()) {
        const { token, logProbability } = candidates.at(child)
        const probability = Math.exp(logProbability)
        const right = token === emitted[i] ? 1 : 0
        const bin = this.#children[binOf(probability)]
        bin.right += right
        bin.expected += probability
        if (rank > 0) continue
        for (const count of [best, this.#all]) {
          count.right += right
          count.seen++
        }
      }
    }
  }
}

function binOf(probability: number): number {
  return Math.min(binCount - 1, Math.floor(probability * binCount))
}
