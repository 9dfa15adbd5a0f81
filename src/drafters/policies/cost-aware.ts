import type { GuessCosts, PassCosts } from '../../decoding/index.ts'
import { LivingCosts } from '../living-costs.ts'
import type { Confidence, Policy } from './policy.ts'

export interface DraftCosts {
  /** Passes of the target. */
  readonly target: PassCosts
  readonly guess: GuessCosts
}

/** How fast the running means forget. */
const memory = 0.98
/** Rows ahead whose mean price counts. */
const horizon = [1, 2, 3, 4]
/** Guesses that are looked ahead to tell whether to begin: the first one may cost more than it can win. */
const farthest = 8
const binCount = 10
/** How much the drafter's own probability counts in a bin, in outcomes. */
const prior = 4

/**
 * Drafts one more guess while the token it may win is worth its time. With s the chance that all guesses so far are right
 * and a the chance of the next one, guessing on wins s * a tokens for the time D' + v(T + 1) - v(T); spent otherwise, that
 * time wins S tokens, S = tau / (D + v) being the speed of late, or that of plain decoding where it is higher. Stopping where
 * the first is less than the second is optimal for a renewal process whose chances only fall. To begin costs more than to
 * go on, so the first few guesses are weighed together.
 *
 * The chance of a guess is what became of guesses of the same probability (ten bins, the drafter's own word as a prior);
 * that of the next one, before it is known, the mean of late.
 */
export function costAware({ target, guess: { first, next } }: DraftCosts): Policy {
  const bins = Array.from({ length: binCount }, () => ({ right: 0, seen: 0 }))
  let mean = 0.7
  const living = new LivingCosts(target, { first, next })

  const binOf = (probability: number) => bins[Math.min(binCount - 1, Math.floor(probability * binCount))]
  const chanceOf = (confidence: Confidence | undefined) => {
    if (confidence === undefined) return mean
    const { right, seen } = binOf(confidence.probability)
    return (right + prior * confidence.probability) / (seen + prior)
  }

  /** What a guess behind so many others costs, but for what it costs to begin. */
  const priceOf = (guesses: number) => {
    const rows = guesses + 1
    // A row that costs more than those behind it is no reason to stop before them: v is measured, and never smooth.
    const row = Math.min(...horizon.map((more) => (target.v(rows + more) - target.v(rows)) / more))
    return (guesses === 0 ? 0 : living.drafting * next) + living.rows * row
  }
  /** What drafting is expected to win beyond its time, at best, before anything is known of its guesses. */
  const beginning = () => {
    let best = Number.NEGATIVE_INFINITY
    let won = -living.entry * living.speed
    for (let guesses = 0, chance = mean; guesses < farthest; guesses++, chance *= mean) {
      won += chance - priceOf(guesses) * living.speed
      best = Math.max(best, won)
    }
    return best
  }

  return {
    name: 'cost-aware',
    continueDrafting({ guesses }) {
      if (guesses.length === 0 && living.doubts) return false
      if (guesses.length === 0 && living.tries) return true
      if (guesses.length === 0) return beginning() > 0
      const survival = guesses.reduce((chance, { confidence }) => chance * chanceOf(confidence), 1)
      return survival * mean > priceOf(guesses.length) * living.speed
    },
    observe({ guesses, accepted, took }) {
      for (const [i, { confidence }] of guesses.slice(0, accepted + 1).entries()) {
        const right = i < accepted ? 1 : 0
        mean = memory * mean + (1 - memory) * right
        if (!confidence) continue
        const bin = binOf(confidence.probability)
        bin.right += right
        bin.seen++
      }
      const drafting = guesses.length > 0 ? (guesses.length - 1) * next : undefined
      living.observe({ rows: guesses.length + 1, drafting, tokens: accepted + 1 }, took)
    },
  }
}
