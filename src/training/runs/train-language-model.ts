import type { StoredDType } from '../../checkpoint/index.ts'
import type { Budget, Reporter, ScheduleOptions } from '../trainer/index.ts'
import { type Exported, type ExportOptions, exportRun } from './export.ts'
import { type NewShape, openLanguageModel } from './language-model.ts'
import { runFolder } from './record.ts'
import { type TrainedTask, trainTask } from './train-task.ts'
import { type LowRankOptions, writeTuned } from './tuned.ts'

export const languageModelDefaults = {
  sequences: 16,
  length: 256,
  taskMix: 1,
  seed: 1,
  decay: 0.1,
  betas: [0.9, 0.95] as readonly [number, number],
  clip: 1,
  accumulate: 1,
  evaluateEvery: 500,
  checkpointEvery: 200,
  keep: 2,
} as const

export interface TrainLanguageModelOptions {
  /** Folder of a packed dataset: see `packDataset`. */
  readonly data: string
  /** Folder of the run: checkpoints, curve, and in the end the model, in `model/`. */
  readonly out: string
  /** The model to train: a new one of a shape, or one in a folder. */
  readonly from: NewShape | string
  /** When the run ends: at the first of these limits. */
  readonly budget: Budget
  /** Cosine to a tenth after 100 updates of warm-up, from 0.001, unless given. */
  readonly schedule?: Partial<ScheduleOptions>
  /** A model folder whose distributions are learned too, and their share of the loss, 0 to 1. */
  readonly teacher?: { readonly folder: string; readonly share: number }
  /** Trains an adapter of this rank, and writes it in place of the whole model; `from` is a folder then. */
  readonly lowRank?: LowRankOptions
  /** Sequences per batch: 16 unless given. */
  readonly sequences?: number
  /** Tokens per sequence: 256 unless given. */
  readonly length?: number
  /** Exponent of the share of each task, 1 (as the data are) unless given, to 0 (all alike). */
  readonly taskMix?: number
  /** Of initial weights and the order of the data: 1 unless given. */
  readonly seed?: number
  /** All processors unless given. */
  readonly threads?: number
  /** Weight decay of matrices: 0.1 unless given. */
  readonly decay?: number
  /** Memory of the moments: 0.9 and 0.95 unless given. */
  readonly betas?: readonly [number, number]
  /** Largest global norm of the gradient: 1 unless given. */
  readonly clip?: number
  /** Batches per update: 1 unless given. */
  readonly accumulate?: number
  /** Updates between evaluations: 500 unless given. */
  readonly evaluateEvery?: number
  /** Updates between checkpoints: 200 unless given. */
  readonly checkpointEvery?: number
  /** Newest checkpoints to keep, besides the best: 2 unless given. */
  readonly keep?: number
  /** Goes on with the run in `out`; from the beginning where there is none. */
  readonly resume?: boolean
  /** Ends the run after the update in progress, with a checkpoint. */
  readonly signal?: AbortSignal
  readonly reporter?: Reporter
  /** How the run came to be, for its record: a command line, and its options. */
  readonly command?: string
  readonly options?: Readonly<Record<string, unknown>>
}

/**
 * Trains a language model of the Llama family by next-token prediction (and distillation, with a teacher) and writes it
 * as a Hugging Face-style folder in f16. A run that was ended at any moment and resumed gives the same weights, bit for
 * bit, as one that was not, unless its budget is one of time.
 * Throws code `argument` for options out of range, data packed with another tokenizer, or a run that is there already and
 * not to be resumed; `checkpoint` when resuming another run; `runtime` when the loss diverges; `file` and `format`.
 */
export function trainLanguageModel(options: TrainLanguageModelOptions): Promise<TrainedTask> {
  const { data, from, teacher, lowRank, threads, ...given } = options
  const run = { ...languageModelDefaults, ...given }
  const { sequences, length, taskMix, seed, decay, betas, clip } = run
  const open = () =>
    openLanguageModel({
      ...{ data, sequences, length, taskMix, seed, optimiser: { decay, betas, clip } },
      ...(typeof from === 'string' ? { init: from } : { shape: from }),
      ...(teacher && { teacher }),
      ...(lowRank && { lowRank }),
      ...(threads !== undefined && { threads }),
    })
  return trainTask(open, run, { name: 'trainLanguageModel', write: exportLanguageModel })
}

export interface ExportModelOptions extends Partial<ExportOptions> {
  /** How weights are stored: f16 unless given. */
  readonly dtype?: StoredDType
}

/**
 * Writes the model of a run in the folder `run`, or its adapter, also of one that is not finished, as a Hugging Face-style
 * folder: the one with the lowest validation loss unless told otherwise. Throws as `exportRun` and `writeTuned` do.
 */
export function exportLanguageModel(
  run: string,
  out: string,
  { dtype = 'f16', which = 'best', ...options }: ExportModelOptions = {},
): Promise<Exported> {
  const folder = runFolder(run)
  return exportRun(folder, { which, ...options }, (content) =>
    writeTuned(out, content, { dtype, tokenizer: folder.tokenizer, recordFile: folder.record }),
  )
}
