import type { RunIdentity } from '../trainer/index.ts'
import { openAnswerFile } from './answer-file.ts'
import type { Answer } from './answers.ts'
import type { Ask, NoAnswer } from './ask.ts'
import { collect } from './collect.ts'
import { orderPrompts, type PromptPool } from './prompts.ts'

/** Counts what is in a file. */
export interface RowTally<Row> {
  add(row: Row): void
  /** JSON, for the file beside the answers. */
  readonly counts: Readonly<Record<string, unknown>>
}

export interface CollectRowsOptions<Row extends Answer> {
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
  /** What an answer depends on beside its prompt and the seed. */
  readonly identity: RunIdentity
  readonly ask: Ask<Row>
  /** Reads a line that is there already. Throws code `format`, beginning with `where`. */
  readonly parse: (line: string, where: string) => Row
  /** Gets every answer of the file, those of earlier runs first. */
  readonly tally: RowTally<Row>
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
  /** After each prompt, with the size of the file. */
  asked?(answer: Answer | NoAnswer, bytes: number): void
}

/**
 * Asks the prompts of a pool one after the other and writes what is kept of each answer to a file. The file follows from
 * pool, count, mix, seed and identity alone, however often it was interrupted, and however the process ended. Returns its
 * size, and whether all was asked before a signal came.
 * Throws as `RecordFile` does where it cannot be written or resumed, and as `ask` does; the answers before are kept.
 */
export async function collectRows<Row extends Answer>(
  options: CollectRowsOptions<Row>,
): Promise<{ readonly bytes: number; readonly complete: boolean }> {
  const { pool, path, resume, count, taskMix, seed, ask, parse, tally, signal, reporter } = options
  const order = orderPrompts(pool.prompts, { seed, taskMix })
  // Not the count: of a larger one the beginning is the same.
  const identity = { ...options.identity, prompts: pool.files, taskMix, seed }
  let answered = 0
  const onAnswer = (answer: Row) => {
    answered++
    tally.add(answer)
  }
  const { file, done } = await openAnswerFile({ path, identity, order, resume, parse, onAnswer })
  try {
    const asked = order.slice(done, count)
    const tasks = new Set(order.map(({ task }) => task)).size
    reporter?.started?.({ answered, toAsk: asked.length, tasks, bytes: file.length })
    let outcome: Row | NoAnswer = 'stopped'
    const complete = await collect({
      asked,
      async answer(prompt, stop) {
        outcome = await ask(prompt, stop)
        return typeof outcome === 'string' ? undefined : outcome
      },
      sink: file,
      ...(signal && { signal }),
      onRecord(answer) {
        if (answer !== undefined) tally.add(answer)
        reporter?.asked?.(outcome, file.length)
      },
    })
    await file.finish(tally.counts)
    return { bytes: file.length, complete }
  } finally {
    await file.close()
  }
}
