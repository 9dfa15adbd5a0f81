import { runFolder } from '../runs/record.ts'
import { runTraining } from '../runs/run.ts'
import {
  type Budget,
  type Reporter,
  type ScheduleOptions,
  scheduleDefaults,
  type TrainerState,
} from '../trainer/index.ts'
import type { HeadTask } from './head-task.ts'

/** What every run of a head is told. */
export interface HeadRunOptions {
  /** Folder of the run: checkpoints, curve, and in the end the head, in `model/`. */
  readonly out: string
  /** When the run ends: at the first of these limits. */
  readonly budget: Budget
  readonly schedule?: Partial<ScheduleOptions>
  readonly accumulate: number
  readonly evaluateEvery: number
  readonly checkpointEvery: number
  readonly keep: number
  /** Goes on with the run in `out`; from the beginning where there is none. */
  readonly resume?: boolean
  /** Ends the run after the update in progress, with a checkpoint. */
  readonly signal?: AbortSignal
  readonly reporter?: Reporter
  readonly command?: string
  readonly options?: Readonly<Record<string, unknown>>
}

export interface TrainedHead {
  /** The folder of the head with the lowest validation loss; `null` where the run was interrupted. */
  readonly model: string | null
  readonly update: number | null
  readonly state: TrainerState
  /** The newest checkpoint. */
  readonly checkpoint: string
}

/**
 * Runs a task to its end, disposes of it, and writes what it has trained with `write`. Interrupted and resumed it gives the
 * same head, bit for bit, as in one go. `onOpened` is called before the first update. Throws as `runTraining` and `write` do.
 */
export async function trainHead(
  open: () => Promise<HeadTask>,
  {
    out,
    keep,
    budget,
    schedule,
    accumulate,
    evaluateEvery,
    checkpointEvery,
    resume = false,
    ...options
  }: HeadRunOptions,
  {
    name,
    write,
    onOpened,
  }: {
    readonly name: string
    readonly write: (run: string, out: string) => Promise<{ readonly update: number }>
    readonly onOpened?: (task: HeadTask) => void
  },
): Promise<TrainedHead> {
  const folder = runFolder(out, keep)
  const task = await open()
  try {
    onOpened?.(task)
    const { reason, state, checkpoint } = await runTraining(folder, {
      task,
      schedule: { ...scheduleDefaults, ...schedule },
      ...{ budget, accumulate, evaluateEvery, checkpointEvery, resume },
      command: options.command ?? name,
      options: options.options ?? {},
      ...(options.signal && { signal: options.signal }),
      ...(options.reporter && { reporter: options.reporter }),
    })
    if (reason === 'interrupted') return { model: null, update: null, state, checkpoint }
    const { update } = await write(out, folder.model)
    return { model: folder.model, update, state, checkpoint }
  } finally {
    await task.dispose()
  }
}
