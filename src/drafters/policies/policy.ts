import type { StepTimes } from '../../decoding/index.ts'

/** A guess, and what its drafter thought of it. */
export interface Guess {
  readonly token: number
  /** What the drafter is sure of: absent where it has no distribution, as with n-grams. */
  readonly confidence?: Confidence
}

/** Of the drafter's distribution q at temperature 1, before filters. */
export interface Confidence {
  /** q of the guess. */
  readonly probability: number
  /** q of the likeliest tokens, falling. */
  readonly top: readonly number[]
  /** In nats; all tokens but the likeliest count as one. */
  readonly entropy: number
}

/** A draft in the making. */
export interface DraftState {
  /** All of them will be verified: a policy cannot take one back. */
  readonly guesses: readonly Guess[]
  /** Output position of the next guess. */
  readonly position: number
}

/** What became of a draft. */
export interface DraftOutcome extends DraftState {
  /** How many of the guesses were accepted. */
  readonly accepted: number
  /** As of a verdict. */
  readonly took?: StepTimes
}

/**
 * Decides how far ahead to draft. It is asked before each guess, and what it has seen it cannot undo: a policy that
 * dropped a guess because of what the guess is would bend the distribution of the text under rejection sampling.
 * What it learns from outcomes lasts from one text to the next.
 */
export interface Policy {
  readonly name: string
  continueDrafting(state: DraftState): boolean
  observe?(outcome: DraftOutcome): void
}
