import type { HeadOutput, LearnedRiders, RowOutputs, Rows } from '../model/index.ts'
import type { Sampler } from './sampling/index.ts'
import type { TargetStates } from './states.ts'
import type { TokenTree } from './tree.ts'
import type { Acceptance } from './verify.ts'

export type Awaitable<T> = T | Promise<T>

/**
 * How guesses are accepted. The first two are exact (docs/decisions/0012-acceptance.md), the third is not and says so.
 * `target-draw`: the target draws its own next token; a guess is accepted where it is that token.
 * `rejection`: a guess drawn from q is accepted with probability min(1, p/q), else the token is drawn from what is left
 * of p. Leviathan et al. 2023; siblings: Miao et al. 2024.
 * `typical-lossy`: guesses that the target holds likely enough are accepted, which changes how likely texts are above
 * temperature 0 (docs/decisions/0019-typical-acceptance.md). Cai et al. 2024.
 */
export const acceptanceRules = ['target-draw', 'rejection', 'typical-lossy'] as const
export type AcceptanceRule = (typeof acceptanceRules)[number]

/** What a drafter is told when a text begins. */
export interface Prefilled {
  /** The whole prompt; its last token is the first root. */
  readonly tokens: readonly number[]
  /** What the drafter `wants` of all positions but the last, [tokens - 1, hidden] or [tokens - 1, layers * hidden]. */
  readonly states?: Float32Array
  /**
   * Makes guesses of a drafter's own logits as the target makes tokens of its: the same temperature, filters and
   * penalties and, unless it was asked to be independent, the same noise at the same output position. A drafter that
   * agrees with the target then guesses its very draw. Under `rejection` every guess needs noise that no other guess of
   * the text was drawn with: count guesses instead of positions.
   */
  readonly sampler: Sampler
  /** `rejection` needs the `proposal` of a draft whose guesses were drawn. */
  readonly rule: AcceptanceRule
  /** Tokens that end the text, so that guesses behind them are in vain. None unless given. */
  readonly ends?: ReadonlySet<number>
}

/** How much a proposal may hold. */
export interface Budget {
  /** Rows of the next pass, root and riders included; at least 1. */
  readonly rows: number
}

export interface Draft {
  readonly tree: TokenTree
  /**
   * Rows that are carried along but can never be emitted. They follow the tree's rows: rider i is row `tree.size + i` of
   * the pass, and its parent is any row before it.
   */
  readonly riders?: Rows
  /**
   * What guesses were drawn from: `proposal[row]` is the distribution [vocab] of the children of `row`, which were drawn
   * from it without replacement, in their order. Children of a row without one are guesses without chance.
   */
  readonly proposal?: readonly (ArrayLike<number> | undefined)[]
  /** Forward passes of a model of the drafter's own that it took. */
  readonly forwards?: number
}

/** Times of a step in milliseconds: of its proposal, and of all from there until it was decided. */
export interface StepTimes {
  readonly draft: number
  readonly pass: number
}

/** The outcome of a step, as a drafter sees it. */
export interface Verdict extends Acceptance {
  /** The tokens the step decided: those of the accepted guesses, then the bonus token, which is the next root. */
  readonly emitted: readonly number[]
  /** Not given where nobody looks at a clock. */
  readonly took?: StepTimes
  /** What the drafter `wants` of the accepted rows, [path, hidden] or [path, layers * hidden]. */
  readonly states?: Float32Array
  /**
   * What the target itself would write after `row` of the pass, accepted or not, rider or not. A guess about the text:
   * off the accepted path its row may stand behind tokens that are not in it. Penalties count decided tokens only.
   */
  draw(row: number): number
  /** The LM head on these riders of the pass, where there were some and they have learned something. */
  riders?(rows: readonly number[], wanted: readonly HeadOutput[]): Promise<RowOutputs>
}

/**
 * Whatever proposes tokens. It may guess badly without harm: the target decides every token. One drafter value serves
 * one text at a time; `start` forgets the text before, and may keep what was learned about guessing.
 */
export interface Drafter {
  readonly name: string
  /** States of the target it reads, of prompt and accepted rows; the target must have been loaded with these layers. */
  readonly wants?: TargetStates
  /**
   * What its riders have learned. They may then be tokens `vocabSize + i`, its vectors, and see its prefix; the LM head does
   * not run on them until the verdict is asked.
   */
  readonly riders?: LearnedRiders
  start(prefilled: Prefilled): Awaitable<void>
  /** A tree whose root is `root`, and riders, of at most `budget.rows` rows together. */
  propose(root: number, budget: Budget): Awaitable<Draft>
  observe(verdict: Verdict): Awaitable<void>
  /** Frees what `start` made. */
  dispose?(): Awaitable<void>
}
