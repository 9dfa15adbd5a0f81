import { type ModelSpec, parseConfig, type StoredDType, writeModel } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { StoredCheckpoint } from '../trainer/index.ts'
import { type RunFolder, readRecord } from './record.ts'

export interface ExportOptions {
  readonly dtype: StoredDType
  /** `best`: the checkpoint with the lowest validation loss; the newest where nothing was evaluated. */
  readonly which: 'best' | 'last'
  /** A checkpoint that is passed over because it is damaged is told here. */
  readonly onDamaged?: (problem: string) => void
  /** The tensors under their checkpoint names, from the state of a training step. */
  readonly tensorsOf: (state: ReadonlyMap<string, Tensor>, spec: ModelSpec) => ReadonlyMap<string, Tensor>
}

export interface Exported {
  readonly update: number
  readonly validationLoss: number | null
}

/**
 * Writes the model of a run, also of one that is not finished, as a Hugging Face-style folder.
 * Throws code `file` where there is no checkpoint, and as `readRecord` and `writeModel` do.
 */
export async function exportRun(run: RunFolder, out: string, options: ExportOptions): Promise<Exported> {
  const { dtype, which, onDamaged = () => {}, tensorsOf } = options
  const record = await readRecord(run)
  const newest = await run.checkpoints.load(onDamaged)
  if (newest === null)
    throw new PacelineError('file', `${run.folder}: there is no checkpoint yet. Train until the first one.`)
  const { best } = newest.trainer
  const chosen: StoredCheckpoint =
    which === 'best' && best !== null && best.update !== newest.trainer.updates
      ? await run.checkpoints.read(best.update)
      : newest
  const { updates: update, tokens, seconds, evaluated } = chosen.trainer
  const validationLoss = evaluated?.update === update ? evaluated.loss : null
  const spec = parseConfig(record.model, `${run.record}, model`)
  await writeModel(out, {
    spec,
    tensors: tensorsOf(chosen.step, spec),
    dtype,
    tokenizer: run.tokenizer,
    provenance: {
      method: record.method,
      command: record.command,
      data: record.data,
      metrics: {
        update,
        tokens,
        seconds,
        validationLoss,
        ...(validationLoss !== null && { validation: evaluated?.metrics }),
      },
    },
  })
  return { update, validationLoss }
}
