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
  return named('draft', policy, folder)
}

export interface JacobiSizes {
  /** Rows of a pass, the root included; chosen by what passes cost here unless given. */
  readonly block?: number
  /** Keeps n-grams of the text and of what was guessed wrongly, and guesses those too, in rows of their own. */
  readonly ngrams?: boolean
}

/** Jacobi decoding: what the pass before yielded behind its guesses is guessed next. */
export function jacobi({ block, ngrams = false }: JacobiSizes = {}): string {
  if (block === undefined) return ngrams ? 'jacobi:ngrams' : 'jacobi'
  if (!(Number.isInteger(block) && block >= 2))
    throw new PacelineError('argument', `jacobi: block is ${block}, expected an integer of at least 2`)
  return `jacobi:${block}${ngrams ? '+ngrams' : ''}`
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
  requireSizes('lookahead', [
    ['window', window, 1],
    ['ngram', ngram, 2],
    ['guesses', guesses, 1],
  ])
  return `lookahead:${window}-${ngram}-${guesses}`
}

export interface EagleOptions {
  /** The head, trained for the target: the folder `eagle` in the target's unless given. */
  readonly folder?: string
  /**
   * Guesses of a step: the first so many of the published tree, or `full` for all of its 25. As many of them as pay here
   * unless given.
   */
  readonly guesses?: number | 'full'
}

/** EAGLE: a head of one layer goes on from the target's states and guesses a tree of fixed shape. */
export function eagle({ folder, guesses }: EagleOptions = {}): string {
  if (guesses !== undefined && guesses !== 'full' && !(Number.isInteger(guesses) && guesses >= 1 && guesses <= 25))
    throw new PacelineError('argument', `eagle: guesses is ${guesses}, expected an integer from 1 to 25, or "full"`)
  return named('eagle', guesses, folder)
}

export interface DynamicTreeOptions {
  /** The head, trained for the target: the folder `eagle` (`eagle3` for `eagle3`) in the target's unless given. */
  readonly folder?: string
  /** Of the tree as published; what pays here is guessed unless given. */
  readonly tree?: {
    /** Rows of a pass of the target, at least 2: guesses and the newest token. */
    readonly rows: number
    /** Guesses one after the other. */
    readonly depth: number
    /** Nodes expanded on each level, and children of each. */
    readonly width: number
  }
}

/** EAGLE-2: the heads of EAGLE, and a tree that grows where they are sure. */
export function eagle2({ folder, tree }: DynamicTreeOptions = {}): string {
  return named('eagle2', treeVariant('eagle2', tree), folder)
}

/** EAGLE-3: trees as of EAGLE-2, of a head that reads several layers of the target. */
export function eagle3({ folder, tree }: DynamicTreeOptions = {}): string {
  return named('eagle3', treeVariant('eagle3', tree), folder)
}

export interface MedusaOptions {
  /** The heads, trained for the target: the folder `medusa` in the target's unless given. */
  readonly folder?: string
  /**
   * Guesses of a step: the first so many of a tree of fixed shape, or `full` for all of its 63. A tree that pays here, by
   * what the heads get right, unless given.
   */
  readonly guesses?: number | 'full'
}

/** Medusa: heads guess one position each from a state of the target, all in one pass. */
export function medusa({ folder, guesses }: MedusaOptions = {}): string {
  if (guesses !== undefined && guesses !== 'full' && !(Number.isInteger(guesses) && guesses >= 1 && guesses <= 63))
    throw new PacelineError('argument', `medusa: guesses is ${guesses}, expected an integer from 1 to 63, or "full"`)
  return named('medusa', guesses, folder)
}

export interface BitaOptions {
  /** Mask tokens and prefix, trained for the target: the folder `bita` in the target's unless given. */
  readonly folder?: string
  /** `comb`: the published tree, all masks behind every row. What pays here, by what the masks get right, unless given. */
  readonly tree?: 'comb'
}

/** BiTA: mask tokens that ride in the pass that checks guesses tell the next ones. */
export function bita({ folder, tree }: BitaOptions = {}): string {
  return named('bita', tree, folder)
}

function treeVariant(method: string, tree: DynamicTreeOptions['tree']): string | undefined {
  if (tree === undefined) return undefined
  const { rows, depth, width } = tree
  requireSizes(method, [
    ['rows', rows, 2],
    ['depth', depth, 1],
    ['width', width, 1],
  ])
  return `${rows}-${depth}-${width}`
}

function named(method: string, variant: string | number | undefined, folder: string | undefined): string {
  return `${method}${variant === undefined ? '' : `:${variant}`}${folder === undefined ? '' : `=${folder}`}`
}

function requireSizes(method: string, sizes: readonly (readonly [name: string, value: number, low: number])[]): void {
  for (const [name, value, low] of sizes)
    if (!(Number.isInteger(value) && value >= low))
      throw new PacelineError('argument', `${method}: ${name} is ${value}, expected an integer of at least ${low}`)
}
