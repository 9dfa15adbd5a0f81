import { PacelineError } from '../errors.ts'

/*
 * Drafters by name: a drafter runs in the engine's thread, so what an application passes is its name,
 * `name[:variant][=path]`, as on the command line.
 */

/** Plain decoding: no guesses. */
export function none(): string {
  return 'none'
}

export interface PromptLookupOptions {
  /** Guesses per step, at most; 7 unless given. */
  readonly guesses?: number
  /** How far ahead to guess, instead: `cost-aware`, `heuristic` or `constant`, as of a draft model. */
  readonly policy?: string
}

/** Guesses that what followed the same tokens before follows them again. */
export function promptLookup({ guesses, policy }: PromptLookupOptions = {}): string {
  if (guesses !== undefined && policy !== undefined)
    throw new PacelineError('argument', 'promptLookup: give guesses or a policy, not both')
  if (guesses !== undefined && !(Number.isInteger(guesses) && guesses >= 1))
    throw new PacelineError('argument', `promptLookup: guesses is ${guesses}, expected an integer of at least 1`)
  return `prompt-lookup:${policy ?? guesses ?? 7}`
}

export interface DraftOptions {
  /**
   * How far ahead to guess: `cost-aware` (the default) by what a guess costs here and may win, `constant`, `heuristic`,
   * `confidence`, `adaptive`, `disco`; some with their number, as `constant-4` or `confidence-0.6`.
   */
  readonly policy?: string
  /** The draft model, of the target's vocabulary: the folder `draft` in the target's unless given. */
  readonly folder?: string
}

/** Speculative sampling: a smaller model guesses. */
export function draft({ policy = 'cost-aware', folder }: DraftOptions = {}): string {
  return `draft:${policy}${folder === undefined ? '' : `=${folder}`}`
}
