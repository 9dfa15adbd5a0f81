import type { EagleHeadSpec, EagleKind } from '../../checkpoint/index.ts'
import { writeEagleHead } from '../../checkpoint/index.ts'
import { type Exported, exportRun } from '../runs/export.ts'
import { runFolder } from '../runs/record.ts'
import { runTraining } from '../runs/run.ts'
import type { ExportModelOptions } from '../runs/train-language-model.ts'
import {
  type Budget,
  type Reporter,
  type ScheduleOptions,
  scheduleDefaults,
  type TrainerState,
} from '../trainer/index.ts'
import { type EagleOptions, type HeadRecord, headTensors, openEagle } from './eagle.ts'

/**
 * What suits small heads, trained from nothing in minutes. Published: EAGLE-1 1 step, noise 0.1 and rate 3e-5, gradients cut
 * by value at 0.5; EAGLE-3 7 steps and rate 5e-5 with a norm of 0.5, both over many epochs of tens of thousands of dialogues.
 */
export const eagleDefaults = {
  eagle: { steps: 3, decay: 0.8, featureWeight: 1, tokenWeight: 0.1, noise: 0.1 },
  eagle3: { steps: 5, decay: 0.8, featureWeight: 0, tokenWeight: 1, noise: 0 },
} as const satisfies Record<EagleKind, object>

export interface TrainEagleOptions extends EagleOptions {
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
  /** Told before the first update what is trained. */
  readonly onOpened?: (about: { readonly head: EagleHeadSpec; readonly coverage: number }) => void
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
 * Trains an EAGLE head for a target and writes it in the published format, in f16. Interrupted and resumed it gives the
 * same head, bit for bit, as in one go. Throws as `openEagle` and `runTraining` do.
 */
export async function trainEagle(options: TrainEagleOptions): Promise<TrainedHead> {
  const { out, keep, budget, schedule, accumulate, evaluateEvery, checkpointEvery, resume = false } = options
  const folder = runFolder(out, keep)
  const task = await openEagle(options)
  try {
    const { head } = task.model as unknown as HeadRecord
    options.onOpened?.({ head, coverage: task.coverage })
    const { reason, state, checkpoint } = await runTraining(folder, {
      task,
      schedule: { ...scheduleDefaults, ...schedule },
      ...{ budget, accumulate, evaluateEvery, checkpointEvery, resume },
      command: options.command ?? 'trainEagle',
      options: options.options ?? {},
      ...(options.signal && { signal: options.signal }),
      ...(options.reporter && { reporter: options.reporter }),
    })
    if (reason === 'interrupted') return { model: null, update: null, state, checkpoint }
    const { update } = await exportEagle(out, folder.model)
    return { model: folder.model, update, state, checkpoint }
  } finally {
    await task.dispose()
  }
}

/** Writes the head of a run, also of one that is not finished. Throws as `exportRun` and `writeEagleHead` do. */
export function exportEagle(
  run: string,
  out: string,
  { dtype = 'f16', which = 'best', ...options }: ExportModelOptions = {},
): Promise<Exported> {
  return exportRun(runFolder(run), { which, ...options }, ({ record, state, provenance }) => {
    const { head: spec, targetIds } = record.model as unknown as HeadRecord
    const tensors = headTensors(state, spec)
    return writeEagleHead(out, {
      ...{ spec, tensors, dtype, provenance },
      ...(targetIds && { targetIds: Int32Array.from(targetIds) }),
    })
  })
}
