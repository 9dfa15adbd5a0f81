import { type MedusaSpec, writeMedusaHeads } from '../../checkpoint/index.ts'
import { type Exported, exportRun } from '../runs/export.ts'
import { runFolder } from '../runs/record.ts'
import type { ExportModelOptions } from '../runs/train-language-model.ts'
import { type TaskRunOptions, type TrainedTask, trainTask } from '../runs/train-task.ts'
import { headsTensors, type MedusaOptions, type MedusaRecord, openMedusa } from './medusa.ts'

/** Published: five heads of one block with LM heads of their own, of which three or four are of use. */
export const medusaDefaults = { headCount: 4, layerCount: 1, headDecay: 0.8, soft: 0 } as const

export interface TrainMedusaOptions extends MedusaOptions, TaskRunOptions {
  /** Told before the first update what is trained. */
  readonly onOpened?: (about: { readonly heads: MedusaSpec; readonly coverage: number }) => void
}

/**
 * Trains Medusa heads for a target and writes them in a published format, in f16. Interrupted and resumed it gives the
 * same heads, bit for bit, as in one go. Throws as `openMedusa` and `trainTask` do.
 */
export function trainMedusa({ onOpened, ...options }: TrainMedusaOptions): Promise<TrainedTask> {
  return trainTask(() => openMedusa(options), options, {
    name: 'trainMedusa',
    write: exportMedusa,
    onOpened: ({ model, coverage }) => onOpened?.({ heads: (model as unknown as MedusaRecord).heads, coverage }),
  })
}

/** Writes the heads of a run, also of one that is not finished. Throws as `exportRun` and `writeMedusaHeads` do. */
export function exportMedusa(
  run: string,
  out: string,
  { dtype = 'f16', which = 'best', ...options }: ExportModelOptions = {},
): Promise<Exported> {
  return exportRun(runFolder(run), { which, ...options }, ({ record, state, provenance }) => {
    const { heads: spec, targetIds } = record.model as unknown as MedusaRecord
    const tensors = headsTensors(state, spec)
    return writeMedusaHeads(out, {
      ...{ spec, tensors, dtype, provenance },
      ...(targetIds && { targetIds: Int32Array.from(targetIds) }),
    })
  })
}
