import { PacelineError } from '../errors.ts'

/*
 * Drafters by name: a drafter runs in the engine's thread, so what an application passes is its name,
 * `name[:variant][=path]`, as on the command line.
 */

/** Plain decoding: no guesses. */
export function none(): string {
  return 'none'
}

/** Guesses that what followed the same tokens before follows them again. `guesses`: per step, at most. */
export function promptLookup({ guesses = 7 }: { readonly guesses?: number } = {}): string {
  if (!(Number.isInteger(guesses) && guesses >= 1))
    throw new PacelineError('argument', `promptLookup: guesses is ${guesses}, expected an integer of at least 1`)
  return `prompt-lookup:${guesses}`
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
