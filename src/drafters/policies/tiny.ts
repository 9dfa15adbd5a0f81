import { discoFeatureNames } from './disco-features.ts'
import type { DiscoFile } from './disco-file.ts'
import type { Guess, Policy } from './policy.ts'

/*
 * For tests: policies without a drafter.
 */

/** A guess that its drafter is so sure of; without a probability, of a drafter that has none. */
export function guessed(probability?: number, token = 1): Guess {
  if (probability === undefined) return { token }
  const entropy = probability > 0 && probability < 1 ? -Math.log(probability) : 0
  return { token, confidence: { probability, top: [probability, (1 - probability) / 2], entropy } }
}

/** How many of these guesses a policy drafts. */
export function drafted(policy: Policy, guesses: readonly Guess[], position = 0): number {
  let length = 0
  while (
    length < guesses.length &&
    policy.continueDrafting({ guesses: guesses.slice(0, length), position: position + length })
  )
    length++
  return length
}

/** Drafts as far as the policy wants of `guesses`, of which the first `right` are accepted; returns how far. */
export function step(policy: Policy, guesses: readonly Guess[], right: number): number {
  const length = drafted(policy, guesses)
  policy.observe?.({ guesses: guesses.slice(0, length), position: 0, accepted: Math.min(right, length) })
  return length
}

export function repeated(guess: Guess, count = 40): Guess[] {
  return Array.from({ length: count }, () => guess)
}

/** A classifier that goes on behind guesses of a probability above about a half, a little less far into a draft. */
export const tinyDisco: DiscoFile = {
  format: 'paceline-disco',
  version: 1,
  features: discoFeatureNames(5),
  mean: [0.5, 0, 0, 0, 0, 0, 0, 1, 0],
  deviation: [0.1, 1, 1, 1, 1, 1, 1, 1, 1],
  layers: [
    {
      weights: [
        [1, 0, 0, 0, 0, 0, 0, 0, 0],
        [-1, 0, 0, 0, 0, 0, 0, 0.2, 0],
      ],
      bias: [0, 0],
    },
    { weights: [[1, -1]], bias: [0] },
  ],
  threshold: 0.5,
  maxGuesses: 6,
}
