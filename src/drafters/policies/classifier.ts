import { discoFeatures } from './disco-features.ts'
import type { DiscoFile } from './disco-file.ts'
import { feedForward, sigmoid } from './feed-forward.ts'
import type { Guess, Policy } from './policy.ts'

/** What the chance that a guess is accepted is reckoned by. */
export type DiscoNetwork = Pick<DiscoFile, 'features' | 'mean' | 'deviation' | 'layers'>

/**
 * DISCO, dynamic speculation lookahead (Mamou et al. 2024, section 3): C_i = FFN(features of guess i) is the chance that
 * the guess is accepted; drafting goes on while C_i is at least a threshold, up to a largest number of guesses. The guess
 * that it stops after is kept.
 */
export function disco(file: DiscoFile, threshold = file.threshold): Policy {
  return {
    name: threshold === file.threshold ? 'disco' : `disco-${threshold}`,
    continueDrafting: ({ guesses }) =>
      guesses.length === 0 || (guesses.length < file.maxGuesses && acceptanceChance(file, guesses) >= threshold),
  }
}

/** C_i of the last of these guesses, of a drafter with probabilities. */
export function acceptanceChance(
  { features, mean, deviation, layers }: DiscoNetwork,
  guesses: readonly Guess[],
): number {
  const seen = discoFeatures(guesses, topOf(features))
  return sigmoid(
    feedForward(
      layers,
      seen.map((x, i) => (x - mean[i]) / deviation[i]),
    ),
  )
}

function topOf(features: readonly string[]): number {
  return features.filter((name) => name.startsWith('top-')).length
}
