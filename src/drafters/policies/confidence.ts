import type { DraftState, Policy } from './policy.ts'

/**
 * Goes on while the drafter was at least this sure of its last guess, which is kept: "unsupervised" dynamic speculation
 * (Mamou et al. 2024; `assistant_confidence_threshold` of Hugging Face transformers, 0.4 there too).
 */
export function confidence(threshold = 0.4): Policy {
  return {
    name: `confidence-${threshold}`,
    continueDrafting: (state) => sure(state, threshold),
  }
}

/** Before the first guess there is nothing to doubt; a drafter without a distribution never doubts. */
export function sure({ guesses }: DraftState, threshold: number): boolean {
  return (guesses.at(-1)?.confidence?.probability ?? 1) >= threshold
}
