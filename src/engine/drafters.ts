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
