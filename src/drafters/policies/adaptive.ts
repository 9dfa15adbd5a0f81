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
  const seen: Labelled[] = []
  return {
    name: 'adaptive',
    continueDrafting: (state) => sure(state, threshold),
    observe({ guesses, accepted }) {
      // Of the guesses behind the first wrong one nothing is known.
      for (const [i, { confidence }] of guesses.slice(0, accepted + 1).entries())
        if (confidence) seen.push({ probability: confidence.probability, accepted: i < accepted })
      seen.splice(0, seen.length - windowSize)
      threshold = bestThreshold(seen) ?? threshold
    },
  }
}

/** Undefined where there is too little to tell. */
export function bestThreshold(seen: readonly Labelled[]): number | undefined {
  const right = seen.filter(({ accepted }) => accepted).length
  const wrong = seen.length - right
  if (seen.length < enough || right === 0 || wrong === 0) return undefined
  // From the surest downwards: a threshold at a guess lets it and all before it pass.
  const sorted = [...seen].sort((a, b) => b.probability - a.probability)
  let [passedRight, passedWrong] = [0, 0]
  let best: { cost: number; threshold: number } | undefined
  for (const [i, { probability, accepted }] of sorted.entries()) {
    if (accepted) passedRight++
    else passedWrong++
    if (sorted[i + 1]?.probability === probability) continue
    const cost = passedWrong / wrong + missWeight * (1 - passedRight / right)
    if (best === undefined || cost < best.cost) best = { cost, threshold: probability }
  }
  return best!.threshold
}
