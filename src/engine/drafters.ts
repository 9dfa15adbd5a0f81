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

/**
 * Jacobi decoding: what the pass before yielded behind its guesses is guessed next. `block`: rows of a pass, the root
 * included; chosen by what passes cost here unless given.
 */
export function jacobi({ block }: { readonly block?: number } = {}): string {
  if (block === undefined) return 'jacobi'
  if (!(Number.isInteger(block) && block >= 2))
    throw new PacelineError('argument', `jacobi: block is ${block}, expected an integer of at least 2`)
  return `jacobi:${block}`
}

export interface LookaheadSizes {
  /** W: positions that the window looks ahead. */
  readonly window: number
  /** N: tokens of an n-gram with the one that it is found by; at least 2. */
  readonly ngram: number
  /** G: n-grams that are checked in a step. */
  readonly guesses: number
}

/** Lookahead decoding: iterates carried along find n-grams. The sizes are chosen by what passes cost here unless given. */
export function lookahead(sizes?: LookaheadSizes): string {
  if (sizes === undefined) return 'lookahead'
  const { window, ngram, guesses } = sizes
  for (const [name, value, low] of [
    ['window', window, 1],
    ['ngram', ngram, 2],
    ['guesses', guesses, 1],
  ] as const)
    if (!(Number.isInteger(value) && value >= low))
      throw new PacelineError('argument', `lookahead: ${name} is ${value}, expected an integer of at least ${low}`)
  return `lookahead:${window}-${ngram}-${guesses}`
}
