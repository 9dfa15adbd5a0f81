import type { Policy } from './policy.ts'

/**
 * Knows the text: drafts until the first wrong guess. What no policy can reach, for reports only (Mamou et al. 2024,
 * section 2). `truth`: the tokens that will be generated.
 */
export function oracle(truth: readonly number[]): Policy {
  return {
    name: 'oracle',
    continueDrafting({ guesses, position }) {
      const last = guesses.at(-1)
      return last === undefined || last.token === truth[position - 1]
    },
  }
}
