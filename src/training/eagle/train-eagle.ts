import type { EagleHeadSpec, EagleKind } from '../../checkpoint/index.ts'
import { writeEagleHead } from '../../checkpoint/index.ts'
import { type Exported, exportRun } from '../runs/export.ts'
import { runFolder } from '../runs/record.ts'
import type { ExportModelOptions } from '../runs/train-language-model.ts'
import { type TaskRunOptions, type TrainedTask, trainTask } from '../runs/train-task.ts'
import { type EagleOptions, type HeadRecord, headTensors, openEagle } from './eagle.ts'

/**
 * What suits small heads, trained from nothing in minutes. Published: EAGLE-1 1 step, noise 0.1 and rate 3e-5, gradients cut
 * by value at 0.5; EAGLE-3 7 steps and rate 5e-5 with a norm of 0.5, both over many epochs of tens of thousands of dialogues.
 */
export const eagleDefaults = {
  eagle: { steps: 3, decay: 0.8, featureWeight: 1, tokenWeight: 0.1, noise: 0.1 },
  eagle3: { steps: 5, decay: 0.8, featureWeight: 0, tokenWeight: 1, noise: 0 },
} as const satisfies Record<EagleKind, object>

export interface TrainEagleOptions extends EagleOptions, TaskRunOptions {
  /** Told before the first update what is trained. */
  readonly onOpened?: (about: { readonly head: EagleHeadSpec; readonly coverage: number }) => void
}

/**
 * Trains an EAGLE head for a target and writes it in the published format, in f16. Interrupted and resumed it gives the
 * same head, bit for bit, as in one go. Throws as `openEagle` and `trainTask` do.
 */
export function trainEagle({ onOpened, ...options }: TrainEagleOptions): Promise<TrainedTask> {
  return trainTask(() => openEagle(options), options, {
    name: 'trainEagle',
    write: exportEagle,
    onOpened: ({ model, coverage }) => onOpened?.({ head: (model as unknown as HeadRecord).head, coverage }),
  })
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
