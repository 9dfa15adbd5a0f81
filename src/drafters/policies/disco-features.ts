import type { Guess } from './policy.ts'

/** Of how many of the likeliest tokens a classifier sees the probabilities, unless its file says otherwise. */
export const discoTop = 5

const others = ['entropy', 'probability', 'position', 'log-survival'] as const

/** The names of what a classifier sees, in their order. */
export function discoFeatureNames(top = discoTop): string[] {
  return [...Array.from({ length: top }, (_, i) => `top-${i + 1}`), ...others]
}

/** How many of the likeliest tokens a list of names begins with; undefined where it is not such a list. */
export function discoTopOf(names: readonly unknown[]): number | undefined {
  const top = names.length - others.length
  return top >= 1 && discoFeatureNames(top).every((name, i) => name === names[i]) ? top : undefined
}

/**
 * What a classifier sees of the last of these guesses (Mamou et al. 2024, section 3): the probabilities of the likeliest
 * tokens, the entropy, the position in the draft; beside them the probability of the guess itself, which is not the
 * likeliest token where guesses are drawn, and the log of the probability that all guesses so far are right.
 */
export function discoFeatures(guesses: readonly Guess[], top: number): number[] {
  const last = guesses[guesses.length - 1].confidence!
  const survival = guesses.reduce((sum, { confidence }) => sum + Math.log(Math.max(1e-9, confidence!.probability)), 0)
  const likeliest = Array.from({ length: top }, (_, i) => last.top[i] ?? 0)
  return [...likeliest, last.entropy, last.probability, guesses.length, survival]
}
