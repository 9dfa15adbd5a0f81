import type { Model } from '../../engine/index.ts'
import { AnswerTally, parseAnswer } from './answers.ts'
import { type AskedWith, askTarget } from './ask.ts'
import { type CollectRowsOptions, collectRows } from './collect-rows.ts'
import type { TargetIdentity } from './target-identity.ts'

/** What is asked, and where answers go, whatever is kept of them. */
export type CollectWhat = Omit<CollectRowsOptions<never>, 'identity' | 'ask' | 'parse' | 'tally'>

export interface CollectAnswersOptions extends CollectWhat {
  readonly model: Pick<Model, 'generate' | 'info'>
  /** Of the folder that the model was loaded from. */
  readonly target: TargetIdentity
  readonly request: AskedWith
  /** `name[:variant][=path]`; changes no answer. */
  readonly drafter: string
}

export interface Collected {
  /** Of all answers in the file. */
  readonly tally: AnswerTally
  readonly bytes: number
  /** False where the signal came before the last prompt. */
  readonly complete: boolean
}

/**
 * Asks a target the prompts of a pool and writes its answers to a file, as `collectRows` does. The file follows from
 * target, pool, count, mix, seed and request alone. Throws as `collectRows` does.
 */
export async function collectAnswers(options: CollectAnswersOptions): Promise<Collected> {
  const { model, target, request, drafter, ...what } = options
  const tally = new AnswerTally()
  const { dtype, executor } = model.info
  const collected = await collectRows({
    ...what,
    // Neither drafter nor threads: they change no answer (with ONNX Runtime they might, where two tokens are equally likely
    // but for rounding).
    identity: { target, dtype, executor, ...request },
    ask: askTarget({ model, chat: target.chatFormat !== null, seed: what.seed, request: { ...request, drafter } }),
    parse: parseAnswer,
    tally,
  })
  return { ...collected, tally }
}
