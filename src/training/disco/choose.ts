import { acceptanceChance, type DiscoNetwork, type Guess, type Policy } from '../../drafters/index.ts'
import type { LoggedCosts, LoggedText } from './log.ts'
import { type Replayed, replay } from './replay.ts'

export interface Choice {
  readonly threshold: number
  readonly maxGuesses: number
  readonly replayed: Replayed
}

const thresholds = Array.from({ length: 49 }, (_, i) => (i + 1) / 50)

/** The threshold and the largest number of guesses with which a classifier would have made these texts fastest. */
export function chooseThreshold(
  network: DiscoNetwork,
  texts: readonly LoggedText[],
  costs: LoggedCosts,
  most: number,
): Choice {
  // A chance follows from the guess and how far into its draft it stands: most are asked for again and again.
  const known = new Map<Guess, number[]>()
  const chanceOf = (guesses: readonly Guess[]) => {
    const last = guesses[guesses.length - 1]
    const chances = known.get(last) ?? []
    known.set(last, chances)
    chances[guesses.length] ??= acceptanceChance(network, guesses)
    return chances[guesses.length]
  }
  let best: Choice | undefined
  for (let maxGuesses = 1; maxGuesses <= most; maxGuesses++)
    for (const threshold of maxGuesses === 1 ? [0.5] : thresholds) {
      const policy: Policy = {
        name: 'disco',
        continueDrafting: ({ guesses }) =>
          guesses.length === 0 || (guesses.length < maxGuesses && chanceOf(guesses) >= threshold),
      }
      const replayed = replay(texts, policy, costs)
      if (best === undefined || replayed.S > best.replayed.S) best = { threshold, maxGuesses, replayed }
    }
  return best!
}
