import type { ChatMessage } from '../checkpoint/index.ts'
import type { SamplingOptions, Statistics } from '../decoding/index.ts'

/** Plain text, a conversation (written by the model's chat template), or token ids taken as they are. */
export type Prompt = string | readonly ChatMessage[] | { readonly ids: readonly number[] }

/** What to generate and how. All of it can cross a thread boundary. */
export interface GenerateRequest extends SamplingOptions {
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
  readonly stats: Statistics
}
