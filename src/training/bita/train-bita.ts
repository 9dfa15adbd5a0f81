import { writeBita } from '../../checkpoint/index.ts'
import { type Exported, exportRun } from '../runs/export.ts'
import { runFolder } from '../runs/record.ts'
import type { ExportModelOptions } from '../runs/train-language-model.ts'
import { type TaskRunOptions, type TrainedTask, trainTask } from '../runs/train-task.ts'
import { type BitaOptions, type BitaRecord, openBitaTask, ridersTensors } from './bita.ts'

/** Published: 3 or 4 masks, 16 keys and values, 64 groups for each text. */
export const bitaDefaults = { maskCount: 3, prefixLength: 16, groups: 64 } as const

export interface TrainBitaOptions extends BitaOptions, TaskRunOptions {
  /** Told before the first update what is trained. */
  readonly onOpened?: (about: BitaRecord) => void
}

/**
 * Trains mask tokens and a prefix for a target and writes them, in f16. Interrupted and resumed it gives the same ones, bit
 * for bit, as in one go. Throws as `openBitaTask` and `trainTask` do.
 */
export function trainBita({ onOpened, ...options }: TrainBitaOptions): Promise<TrainedTask> {
  return trainTask(() => openBitaTask(options), options, {
    name: 'trainBita',
    write: exportBita,
    onOpened: ({ model }) => onOpened?.(model as unknown as BitaRecord),
  })
}

/** Writes what a run has trained, also of one that is not finished. Throws as `exportRun` and `writeBita` do. */
export function exportBita(
  run: string,
  out: string,
  { dtype = 'f16', which = 'best', ...options }: ExportModelOptions = {},
): Promise<Exported> {
  return exportRun(runFolder(run), { which, ...options }, ({ record, state, provenance }) => {
    const { riders: spec } = record.model as unknown as BitaRecord
    return writeBita(out, { spec, tensors: ridersTensors(state, spec), dtype, provenance })
  })
}
