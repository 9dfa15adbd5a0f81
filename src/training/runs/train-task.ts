import {
  type Budget,
  type Guard,
  type Reporter,
  type ScheduleOptions,
  scheduleDefaults,
  type TrainerState,
  type TrainResult,
} from '../trainer/index.ts'
import { runFolder } from './record.ts'
import { runTraining } from './run.ts'
import type { TrainingTask } from './task.ts'

/** What every run is told, whatever it trains. */
export interface TaskRunOptions {
  /** Folder of the run: checkpoints, curve, and in the end what was trained, in `model/`. */
  readonly out: string
  /** When the run ends: at the first of these limits. */
  readonly budget: Budget
  readonly schedule?: Partial<ScheduleOptions>
  readonly accumulate: number
  readonly evaluateEvery: number
  readonly checkpointEvery: number
  readonly keep: number
  /** See `train`. */
  readonly guard?: Guard
  /** Goes on with the run in `out`; from the beginning where there is none. */
  readonly resume?: boolean
  /** Ends the run after the update in progress, with a checkpoint. */
  readonly signal?: AbortSignal
  readonly reporter?: Reporter
  readonly command?: string
  readonly options?: Readonly<Record<string, unknown>>
}

export interface TrainedTask {
  /** The folder of what was trained, with the lowest validation loss; `null` where the run was interrupted. */
  readonly model: string | null
  /** The update that it was after. */
  readonly update: number | null
  readonly reason: TrainResult['reason']
  readonly state: TrainerState
  /** The newest checkpoint. */
  readonly checkpoint: string
}

/**
 * Runs a task to its end, disposes of it, and writes what it has trained with `write`. Interrupted and resumed it gives the
 * same, bit for bit, as in one go. `onOpened` is called before the first update. Throws as `runTraining` and `write` do.
 */
export async function trainTask<Task extends TrainingTask>(
  open: () => Promise<Task>,
  options: TaskRunOptions,
  {
    name,
    write,
    onOpened,
  }: {
    readonly name: string
    readonly write: (run: string, out: string) => Promise<{ readonly update: number }>
    readonly onOpened?: (task: Task) => void
  },
): Promise<TrainedTask> {
  const { out, keep, budget, schedule, accumulate, evaluateEvery, checkpointEvery, resume = false } = options
  const { guard, signal, reporter, command = name } = options
  const folder = runFolder(out, keep)
  const task = await open()
  try {
    onOpened?.(task)
    const { reason, state, checkpoint } = await runTraining(folder, {
      task,
      schedule: { ...scheduleDefaults, ...schedule },
      ...{ budget, accumulate, evaluateEvery, checkpointEvery, resume, command },
      options: options.options ?? {},
      ...(guard && { guard }),
      ...(signal && { signal }),
      ...(reporter && { reporter }),
    })
    if (reason === 'interrupted') return { model: null, update: null, reason, state, checkpoint }
    const { update } = await write(out, folder.model)
    return { model: folder.model, update, reason, state, checkpoint }
  } finally {
    await task.dispose()
  }
}
