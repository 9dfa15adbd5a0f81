import { replaceText } from '../../files.ts'
import {
  type Budget,
  chart,
  type Guard,
  type Reporter,
  type ScheduleOptions,
  type TrainResult,
  train,
} from '../trainer/index.ts'
import { lockFolder } from './lock.ts'
import { type RunFolder, type RunRecord, writeRecord } from './record.ts'
import type { TrainingTask } from './task.ts'

export interface RunOptions {
  readonly task: TrainingTask
  readonly schedule: ScheduleOptions
  readonly budget: Budget
  readonly accumulate: number
  readonly evaluateEvery: number
  readonly checkpointEvery: number
  readonly guard?: Guard
  readonly resume: boolean
  /** For the record. */
  readonly command: string
  readonly options: Readonly<Record<string, unknown>>
  readonly signal?: AbortSignal
  readonly reporter?: Reporter
}

/**
 * Trains a task in the folder of a run, with its record, curve and chart. Throws as `train` does, and code `file` where
 * another process trains in that folder.
 */
export async function runTraining(run: RunFolder, runOptions: RunOptions): Promise<TrainResult> {
  const { task, command, options, reporter, ...rest } = runOptions
  const { method, step, data, validation, identity, model, about, tokenizer } = task
  const record: RunRecord = { format: 1, method, command, options, model, data: about }
  await using _lock = await lockFolder(run.folder)
  const result = await train({
    ...rest,
    step,
    data,
    ...(validation && { validation }),
    identity: { method, ...identity },
    checkpoints: run.checkpoints,
    curve: run.curve,
    reporter: {
      ...reporter,
      // Not before the trainer has agreed to go on with what is there.
      started: () => writeRecord(run, record, tokenizer),
      async saved(folder) {
        await drawCurve(run, method)
        await reporter?.saved?.(folder)
      },
    },
  })
  await drawCurve(run, method)
  return result
}

/** Draws the curve of a run, as far as it is, into its chart. Throws code `file`. */
export async function drawCurve(run: RunFolder, title: string): Promise<void> {
  await replaceText(run.chart, chart(await run.curve.read(), { title: `${title}: loss, nats per token`, logX: true }))
}
