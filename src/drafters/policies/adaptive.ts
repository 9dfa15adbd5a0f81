import { sure } from './confidence.ts'
import type { Policy } from './policy.ts'

/** Guesses that the threshold is chosen by: the newest ones, so that it follows the text. */
const windowSize = 256
/** Below this many the threshold stays. */
const enough = 6
/** Stopping before a right guess costs more than one guess too many. As in Hugging Face transformers. */
const missWeight = 3

interface Labelled {
  readonly probability: number
  readonly accepted: boolean
}

/**
 * The confidence threshold that would have separated the newest guesses best: after each step the one of the ROC curve
 * with the smallest fpr + 3 (1 - tpr). Adaptive `assistant_confidence_threshold` of Hugging Face transformers, over a
 * window there is not.
 */
export function adaptive(initial = 0.4): Policy {
  let threshold = initial
  const newest: Labelled[] = []
  /** The same, surest first: kept in order, since sorting them after every step would take longer than drafting. */
  const surest: Labelled[] = []
  const remember = (guess: Labelled) => {
    newest.push(guess)
    surest.splice(placeOf(guess, surest), 0, guess)
    if (newest.length <= windowSize) return
    surest.splice(surest.indexOf(newest.shift()!), 1)
  }
  return {
    name: 'adaptive',
    continueDrafting: (state) => sure(state, threshold),
    observe({ guesses, accepted }) {
      // Of the guesses behind the first wrong one nothing is known.
      for (const [i, { confidence }] of guesses.slice(0, accepted + 1).entries())
        if (confidence) remember({ probability: confidence.probability, accepted: i < accepted })
      threshold = thresholdOf(surest) ?? threshold
    },
  }
}

/** The best threshold for guesses in any order. Undefined where there is too little to tell. */
export function bestThreshold(seen: readonly Labelled[]): number | undefined {
  return thresholdOf([...seen].sort((a, b) => b.probability - a.probability))
}

/** How many of `sorted` are at least as sure. */
function placeOf({ probability }: Labelled, sorted: readonly Labelled[]): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle].probability >= probability) low = middle + 1
    else high = middle
  }
  return low
}

/** Of guesses with the surest first: a threshold at a guess lets it and all before it pass. */
function thresholdOf(sorted: readonly Labelled[]): number | undefined {
  let right = 0
  for (const { accepted } of sorted) if (accepted) right++
  const wrong = sorted.length - right
  if (sorted.length < enough || right === 0 || wrong === 0) return undefined
  let [passedRight, passedWrong] = [0, 0]
  let [best, bestCost] = [Number.NaN, Number.POSITIVE_INFINITY]
  for (let i = 0; i < sorted.length; i++) {
    const { probability, accepted } = sorted[i]
    if (accepted) passedRight++
    else passedWrong++
    if (sorted[i + 1]?.probability === probability) continue
    const cost = passedWrong / wrong + missWeight * (1 - passedRight / right)
    if (cost < bestCost) [best, bestCost] = [probability, cost]
  }
  return best
}
