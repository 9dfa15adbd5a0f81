import type { Policy } from './policy.ts'

/** Always `guesses` ahead: standard speculative sampling (Leviathan et al. 2023; Chen et al. 2023). */
export function constant(guesses = 5): Policy {
  return {
    name: `constant-${guesses}`,
    continueDrafting: (state) => state.guesses.length < guesses,
  }
}
