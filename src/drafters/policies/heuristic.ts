import type { Policy } from './policy.ts'

/** Two more after a draft that was accepted whole, one less after any other: Hugging Face's schedule of that name. */
export function heuristic(initial = 5): Policy {
  let length = initial
  return {
    name: 'heuristic',
    continueDrafting: ({ guesses }) => guesses.length < length,
    observe({ guesses, accepted }) {
      // A draft that the end of the text cut short tells nothing.
      if (accepted < guesses.length) length = Math.max(1, length - 1)
      else if (guesses.length === length) length += 2
    },
  }
}
