import type { Guess } from '../../drafters/index.ts'
import type { DraftLogHeader, LoggedText } from './log.ts'

/*
 * For tests: logs without models.
 */

export const tinyHeader: DraftLogHeader = {
  format: 'paceline-disco-log',
  version: 1,
  maxGuesses: 4,
  costs: { guess: 0.2, v: [1, 1.05, 1.1, 1.2, 1.3] },
  madeFrom: { target: { name: 'target' }, draft: { name: 'draft' } },
}

/** Numbers from [0, 1) that follow from the seed: a Lehmer generator. */
export function numbers(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

/** A guess of this probability, which is all that there is to know of it. */
export function guessOf(probability: number, token = 0): Guess {
  return { token, confidence: { probability, top: [probability, (1 - probability) / 2], entropy: 1 - probability } }
}

/** Texts of steps of four guesses, each right with the probability that `chance` makes of the drafter's own. */
export function tinyTexts(count: number, chance: (probability: number) => number, seed = 1): LoggedText[] {
  const next = numbers(seed)
  return Array.from({ length: count }, (_, prompt) => ({
    prompt,
    steps: Array.from({ length: 20 }, () => {
      const guesses = Array.from({ length: 4 }, () => guessOf(Number(next().toPrecision(6))))
      const wrong = guesses.findIndex(({ confidence }) => next() >= chance(confidence!.probability))
      return { guesses, accepted: wrong < 0 ? 4 : wrong }
    }),
  }))
}
