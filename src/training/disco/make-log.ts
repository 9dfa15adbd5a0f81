import { basename, join } from 'node:path'
import { type Dtype, openCheckpoint } from '../../checkpoint/index.ts'
import { draftFolder } from '../../drafters/index.ts'
import { createDraftingResources } from '../../engine/index.ts'
import { loadTargetModel } from '../../model/index.ts'
import type { Executor } from '../../runtime/index.ts'
import { identifyTarget, orderPrompts, type PromptPool } from '../collect/index.ts'
import { type DraftLog, DraftLogFile, type DraftLogHeader, type LoggedText } from './log.ts'
import { logDrafts, measureDrafting } from './log-drafts.ts'

export interface MakeLogOptions {
  /** The folder of the target. */
  readonly folder: string
  /** The folder of the draft model: `draft` in that of the target unless given. */
  readonly draft?: string
  readonly pool: PromptPool
  /** Prompts to ask; all unless given. */
  readonly count?: number
  readonly maxGuesses: number
  readonly maxTokens: number
  readonly temperature: number
  /** Of the order of the prompts, and of what is drawn. */
  readonly seed: number
  readonly dtype: Dtype
  readonly executor: Executor
  /** Where to keep the log as it grows. */
  readonly path?: string
  readonly signal?: AbortSignal
  readonly reporter?: MakeLogReporter
}

export interface MakeLogReporter {
  loading?(share: number): void
  /** Before the first of `toAsk` prompts. */
  started?(toAsk: number): void
  /** After each prompt; without a text where it left no room in the context. */
  asked?(text: LoggedText | undefined): void
}

export interface MadeLog extends DraftLog {
  /** False where the signal came before the last prompt. */
  readonly complete: boolean
}

/**
 * Loads a target and its draft model, and logs what becomes of drafts of `maxGuesses` guesses on prompts of the pool.
 * Throws code `file` where `path` is there already, and as models do that cannot be loaded or do not fit.
 */
export async function makeDraftLog(options: MakeLogOptions): Promise<MadeLog> {
  const { folder, draft, pool, count, maxGuesses, maxTokens, temperature, seed, dtype, executor, path } = options
  const { signal, reporter } = options
  const draftPath = draft ?? join(folder, draftFolder)
  const [target, drafting] = [await identifyTarget(folder), await identifyTarget(draftPath)]
  const onProgress = (share: number) => reporter?.loading?.(share)
  const closing: (() => Promise<void>)[] = []
  try {
    const checkpoint = await openCheckpoint(folder)
    closing.push(() => checkpoint.close())
    const model = await loadTargetModel(checkpoint.spec, checkpoint.source, { executor, dtype, onProgress })
    closing.push(() => model.dispose())
    const resources = createDraftingResources({ checkpoint, model, executor })
    closing.push(() => resources.dispose())
    const header: DraftLogHeader = {
      ...{ format: 'paceline-disco-log', version: 1, maxGuesses },
      costs: await measureDrafting(resources, draft, maxGuesses),
      madeFrom: {
        target: { name: basename(folder), weights: target.weights },
        draft: { name: basename(draftPath), weights: drafting.weights },
        ...{ dtype, executor: model.executor, prompts: pool.files, maxTokens, temperature, promptSeed: seed },
      },
    }
    const file = path === undefined ? undefined : await DraftLogFile.create(path, header)
    if (file) closing.push(() => file.close())
    const prompts = orderPrompts(pool.prompts, { seed, taskMix: 1 }).slice(0, count)
    reporter?.started?.(prompts.length)
    const texts: LoggedText[] = []
    const complete = await logDrafts({
      ...{ target: { checkpoint, model }, resources, prompts, maxGuesses, seed },
      ...(draft !== undefined && { draft }),
      chat: target.chatFormat !== null,
      request: { maxTokens, temperature },
      sink: {
        async append(text) {
          await file?.append(text)
          texts.push(text)
        },
      },
      ...(signal && { signal }),
      ...(reporter?.asked && { onText: reporter.asked }),
    })
    return { header, texts, complete }
  } finally {
    for (const close of closing.reverse()) await close()
  }
}
