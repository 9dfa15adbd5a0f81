import type { GuessCosts, PassCosts } from '../../decoding/index.ts'
import { LivingCosts } from '../living-costs.ts'
import type { Confidence, Policy } from './policy.ts'

export interface DraftCosts {
  /** Passes of the target. */
  readonly target: PassCosts
  readonly guess: GuessCosts
}

/** Drafts a guess at least this often (in steps), or it would never learn that guessing pays again. */
const probeEvery = 4
/** How fast the running means forget. */
const memory = 0.98
/** Rows ahead whose mean price counts. */
const horizon = [1, 2, 3, 4]
const binCount = 10
/** How much the drafter's own probability counts in a bin, in outcomes. */
const prior = 4

/**
 * Drafts one more guess while the token it may win is worth its time. With s the chance that all guesses so far are right
 * and a the chance of the next one, guessing on wins s * a tokens for the time D' + v(T + 1) - v(T); spent otherwise, that
 * time wins S tokens, S = tau / (D + v) being the speed of late. Stopping where the first is less than the second is
 * optimal for a renewal process whose chances only fall.
 *
 * The chance of a guess is what became of guesses of the same probability (ten bins, the drafter's own word as a prior);
 * that of the next one, before it is known, the mean of late.
 */
export function costAware({ target, guess: { first, next } }: DraftCosts): Policy {
  const bins = Array.from({ length: binCount }, () => ({ right: 0, seen: 0 }))
  let mean = 0.7
  const living = new LivingCosts(target)
  let [tokens, time] = [1, 1]
  let idle = 0

  const costOf = (guess: number) => (guess === 0 ? first : next)
  const binOf = (probability: number) => bins[Math.min(binCount - 1, Math.floor(probability * binCount))]
  const chanceOf = (confidence: Confidence | undefined) => {
    if (confidence === undefined) return mean
    const { right, seen } = binOf(confidence.probability)
    return (right + prior * confidence.probability) / (seen + prior)
  }

  return {
    name: 'cost-aware',
    continueDrafting({ guesses }) {
      if (guesses.length === 0 && idle >= probeEvery) return true
      const survival = guesses.reduce((chance, { confidence }) => chance * chanceOf(confidence), 1)
      const rows = guesses.length + 1
      // A row that costs more than those behind it is no reason to stop before them: v is measured, and never smooth.
      const row = Math.min(...horizon.map((more) => (target.v(rows + more) - target.v(rows)) / more))
      const price = living.drafting * costOf(guesses.length) + living.rows * row
      return survival * mean > price * (tokens / time)
    },
    observe({ guesses, accepted, took }) {
      idle = guesses.length === 0 ? idle + 1 : 0
      for (const [i, { confidence }] of guesses.slice(0, accepted + 1).entries()) {
        const right = i < accepted ? 1 : 0
        mean = memory * mean + (1 - memory) * right
        if (!confidence) continue
        const bin = binOf(confidence.probability)
        bin.right += right
        bin.seen++
      }
      tokens = memory * tokens + accepted + 1
      const drafting = guesses.reduce((sum, _, i) => sum + costOf(i), 0)
      time = memory * time + living.observe({ rows: guesses.length + 1, drafting }, took)
    },
  }
}
