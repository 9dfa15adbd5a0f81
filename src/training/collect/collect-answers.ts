import type { Model } from '../../engine/index.ts'
import { openAnswerFile } from './answer-file.ts'
import type { Answer, AnswerTally } from './answers.ts'
import { type AskedWith, askTarget } from './ask.ts'
import { collect } from './collect.ts'
import { orderPrompts, type PromptPool } from './prompts.ts'
import type { TargetIdentity } from './target-identity.ts'

export interface CollectAnswersOptions {
  readonly model: Pick<Model, 'generate' | 'info'>
  /** Of the folder that the model was loaded from. */
  readonly target: TargetIdentity
  readonly pool: PromptPool
  /** The file of answers, which `requireCollectable` has allowed to be begun, replaced or resumed. */
  readonly path: string
  readonly resume: boolean
  /** Prompts to ask, those of earlier runs included; all unless given. */
  readonly count?: number
  /** Exponent of the share of each task: 1 as the files are, 0 all alike. */
  readonly taskMix: number
  /** Of the order, and of the answers: the prompt with index i has this plus i. */
  readonly seed: number
  readonly request: AskedWith
  /** `name[:variant][=path]`; changes no answer. */
  readonly drafter: string
  readonly signal?: AbortSignal
  readonly reporter?: CollectReporter
}

export interface CollectReporter {
  /** Before the first prompt of this run. `answered`: in the file; `toAsk`: in this run; `tasks`: of all prompts. */
  started?(plan: {
    readonly answered: number
    readonly toAsk: number
    readonly tasks: number
    readonly bytes: number
  }): void
  /** After each prompt, with the size of the file. No answer: the prompt leaves no room in the context. */
  asked?(answer: Answer | undefined, bytes: number): void
}

export interface Collected {
  /** Of all answers in the file. */
  readonly tally: AnswerTally
  readonly bytes: number
  /** False where the signal came before the last prompt. */
  readonly complete: boolean
}

/**
 * Asks a target the prompts of a pool and writes its answers to a file. The file follows from target, pool, count, mix,
 * seed and request alone, however often it was interrupted, and however the process ended.
 * Throws as `RecordFile` does where it cannot be written or resumed, and as the model does; the answers before are kept.
 */
export async function collectAnswers(options: CollectAnswersOptions): Promise<Collected> {
  const { model, target, pool, path, resume, count, taskMix, seed, request, drafter, signal, reporter } = options
  const order = orderPrompts(pool.prompts, { seed, taskMix })
  // Neither drafter nor threads: they change no answer (with ONNX Runtime they might, where two tokens are equally likely
  // but for rounding). Nor the count: of a larger one the beginning is the same.
  const { dtype, executor } = model.info
  const identity = { target, dtype, executor, prompts: pool.files, ...request, taskMix, seed }
  const { file, tally, done } = await openAnswerFile({ path, identity, order, resume })
  try {
    const asked = order.slice(done, count)
    const tasks = new Set(order.map(({ task }) => task)).size
    reporter?.started?.({ answered: tally.all.answers, toAsk: asked.length, tasks, bytes: file.length })
    const complete = await collect({
      asked,
      answer: askTarget({ model, chat: target.chatFormat !== null, seed, request: { ...request, drafter } }),
      sink: file,
      ...(signal && { signal }),
      onRecord(answer) {
        if (answer !== undefined) tally.add(answer)
        reporter?.asked?.(answer, file.length)
      },
    })
    await file.finish({ ...tally.all, byTask: tally.byTask })
    return { tally, bytes: file.length, complete }
  } finally {
    await file.close()
  }
}
