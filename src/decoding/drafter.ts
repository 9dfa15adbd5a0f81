import type { TokenTree } from './tree.ts'
import type { Acceptance } from './verify.ts'

export type Awaitable<T> = T | Promise<T>

/** What a drafter is told when a text begins. */
export interface Prefilled {
  /** The whole prompt; its last token is the first root. */
  readonly tokens: readonly number[]
  /** Features of all positions but the last, [tokens - 1, hidden], for drafters that want them. */
  readonly features?: Float32Array
}

/** How much a proposal may hold. */
export interface Budget {
  /** Rows of the next pass, the root included; at least 1. */
  readonly rows: number
}

export interface Draft {
  readonly tree: TokenTree
}

/** The outcome of a step, as a drafter sees it. */
export interface Verdict extends Acceptance {
  /** The tokens the step decided: those of the accepted guesses, then the bonus token, which is the next root. */
  readonly emitted: readonly number[]
  /** Features of the accepted rows, [path, hidden], for drafters that want them. */
  readonly features?: Float32Array
}

/**
 * Whatever proposes tokens. It may guess badly without harm: the target decides every token. One drafter value serves
 * one text at a time; `start` forgets the one before.
 */
export interface Drafter {
  readonly name: string
  /** Asks for the features of prompt and accepted rows. */
  readonly wantsFeatures?: boolean
  start(prefilled: Prefilled): Awaitable<void>
  /** A tree whose root is `root`, of at most `budget.rows` rows. */
  propose(root: number, budget: Budget): Awaitable<Draft>
  observe(verdict: Verdict): Awaitable<void>
}
