import { PacelineError } from '../../errors.ts'
import type { StoredCheckpoint } from '../trainer/index.ts'
import { type RunFolder, type RunRecord, readRecord } from './record.ts'

export interface ExportOptions {
  /** `best`: the checkpoint with the lowest validation loss; the newest where nothing was evaluated. */
  readonly which: 'best' | 'last'
  /** A checkpoint that is passed over because it is damaged is told here. */
  readonly onDamaged?: (problem: string) => void
}

/** What a method makes its folder of. */
export interface ExportedContent {
  readonly record: RunRecord
  /** The state of its training step. */
  readonly state: StoredCheckpoint['step']
  /** For paceline.json. */
  readonly provenance: Readonly<Record<string, unknown>>
}

export interface Exported {
  readonly update: number
  readonly validationLoss: number | null
}

/**
 * Has `write` make a folder of what a run has trained, also of one that is not finished.
 * Throws code `file` where there is no checkpoint, and as `readRecord` and `write` do.
 */
export async function exportRun(
  run: RunFolder,
  { which, onDamaged = () => {} }: ExportOptions,
  write: (content: ExportedContent) => Promise<void>,
): Promise<Exported> {
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
  await write({
    record,
    state: chosen.step,
    provenance: {
      method: record.method,
      command: record.command,
      // A resumed run says no more on its command line than where it is.
      options: record.options,
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
