import type { ChatMessage } from '../checkpoint/index.ts'
import type { AcceptanceRule, SamplingOptions, Statistics } from '../decoding/index.ts'

/** Plain text, a conversation (written by the model's chat template), or token ids taken as they are. */
export type Prompt = string | readonly ChatMessage[] | { readonly ids: readonly number[] }

/** How guesses are accepted. */
export interface AcceptanceOptions {
  /**
   * How guesses are accepted above temperature 0. `target-draw` (the default): with one seed the text is the same with
   * any drafter. `rejection` (standard speculative sampling): as likely as without a drafter, but not the same.
   * `typical-lossy` (Medusa's typical acceptance): guesses that are likely enough; NOT lossless, texts are not as likely as
   * without a drafter. At temperature 0 all three give the text of plain decoding.
   */
  readonly rule?: AcceptanceRule
  /** Lets a drafter guess with the noise that the target will draw with: yes unless given. The text is the same. */
  readonly sharedNoise?: boolean
  /**
   * For executors whose passes of many rows round otherwise than passes of one: a token that errors of this size in the
   * logits could change is decided by a pass of one row. 0 (the default) is off; the native executor needs none.
   */
  readonly strict?: number
}

/** What to generate and how. All of it can cross a thread boundary. */
export interface GenerateRequest extends SamplingOptions, AcceptanceOptions {
  /** `name[:variant][=path]`; `none` unless given. The text is the same with any drafter. */
  readonly drafter?: string
  /** Tokens to generate at most; 256 unless given. The context may end the text before. */
  readonly maxTokens?: number
  /** Strings that end the text; not part of it. */
  readonly stop?: readonly string[]
  /** Goes on after an end-of-text token. */
  readonly ignoreEos?: boolean
  /** Measures a one-row pass at the end, so that the statistics hold the parts of the speedup. */
  readonly measureSpeedup?: boolean
}

/** One token of the text as it appears. */
export interface Piece {
  /** What became readable with this token: '' while a character or a possible stop string is unfinished. */
  readonly text: string
  /** Absent where text that was held back comes out at the end. */
  readonly token?: number
  /** The token was guessed and accepted; false for the one the target yields after the accepted ones. */
  readonly drafted: boolean
}

/** `stop`: an end-of-text token or a stop string; `length`: maxTokens or the context; `abort`: the signal. */
export type FinishReason = 'stop' | 'length' | 'abort'

export interface GenerationResult {
  readonly text: string
  /** Generated token ids, with the one that ended the text. */
  readonly ids: readonly number[]
  readonly promptIds: readonly number[]
  readonly finishReason: FinishReason
  /** What the text was drawn with, so that it can be written again; absent at temperature 0. */
  readonly seed?: number
  readonly stats: Statistics
}
