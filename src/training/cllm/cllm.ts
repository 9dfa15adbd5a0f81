import { basename } from 'node:path'
import { openCheckpoint, toConfig } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { openTokenizer, temperatureRates } from '../data/index.ts'
import { batchPlace } from '../draws.ts'
import { consistencyObjective } from '../objectives/consistency.ts'
import { teacherPrefix } from '../objectives/distillation.ts'
import {
  datasetFingerprint,
  type FromTokens,
  type LowRankOptions,
  requireContext,
  requireSequences,
  requireTokenizer,
  type TrainingTask,
  tokenStream,
  tuned,
  validationInputs,
} from '../runs/index.ts'
import { sideBySide, weightsFingerprint } from '../sources.ts'
import { createTrainingStep } from '../training-step.ts'
import { readTrajectories } from './dataset.ts'
import { consistencyInputs } from './step-inputs.ts'

export interface ConsistencyTaskOptions {
  /** Files of trajectories of the model: see `collectTrajectories`. */
  readonly data: readonly string[]
  /** The folder of the model to tune. */
  readonly init: string
  /** The folder of a model that stays as it is and says what is right; the model itself unless given. */
  readonly teacher?: string
  /** Trains an adapter of the model, which stays as it is. */
  readonly lowRank?: LowRankOptions
  /** Share of the prompts for validation. */
  readonly validation: number
  /** Room for so many whole iterates behind each sequence. */
  readonly iterates: number
  /** Share of iterates of which half the wrong tokens are corrected. */
  readonly augment: number
  /** What the loss of the text counts beside that of iterates. */
  readonly arWeight: number
  readonly sequences: number
  /** Rows of text per sequence. */
  readonly length: number
  readonly taskMix: number
  /** Of the split, the order of the data and the iterates that are drawn. */
  readonly seed: number
  readonly threads?: number
  readonly optimiser: { readonly decay: number; readonly betas: readonly [number, number]; readonly clip: number }
}

/**
 * Training of a model to say the same behind a wrong iterate as behind the right text (CLLM, Kou et al. 2024). Throws as
 * `openCheckpoint` and `readTrajectories` do, and code `argument` for a teacher of another tokenizer.
 */
export async function openConsistency(options: ConsistencyTaskOptions): Promise<TrainingTask> {
  const { data, init, teacher, validation, iterates, augment, arWeight, sequences, length, taskMix, seed } = options
  const { lowRank, optimiser, threads } = options
  requireOptions(options)
  const tokenizer = await openTokenizer(init)
  const dataset = await readTrajectories(data, { tokenizer, validation, seed })
  if (teacher !== undefined) await requireTokenizer(teacher, tokenizer)
  const checkpoint = await openCheckpoint(init)
  const taught = teacher === undefined ? null : await openCheckpoint(teacher)
  try {
    const { spec, source } = checkpoint
    requireContext(spec, length)
    const stream = { sequences, length, seed, taskRates: temperatureRates(dataset, taskMix) }
    requireSequences(dataset, stream)
    const { block } = dataset
    const judged = dataset.total(dataset.total('validation').documents > 0 ? 'validation' : 'train')
    const tokensPerByte = judged.responseTokens / Math.max(1, judged.responseBytes)
    const objective = consistencyObjective(spec, {
      ...{ block, arWeight, tokensPerByte },
      ...(taught && { teacher: taught.spec }),
    })
    const { model, adapter, ...trained } = await tuned(checkpoint, objective, { lowRank, seed })
    const step = await createTrainingStep(
      trained.objective,
      taught === null ? trained.source : sideBySide(trained.source, taught.source, teacherPrefix),
      {
        betas: optimiser.betas,
        weightDecay: optimiser.decay,
        maxGradientNorm: optimiser.clip,
        ...(threads !== undefined && { threads }),
      },
    )
    const inputsOf: FromTokens = (batch, place) => {
      const shape = { block, iterates, place: { seed, at: batchPlace(place) } }
      // Validation is about iterates as they come.
      return place === undefined
        ? consistencyInputs(batch, dataset.split('validation'), { ...shape, augment: 0 })
        : consistencyInputs(batch, dataset.split('train'), { ...shape, augment })
    }
    const shape = { sequences, length }
    const fingerprint = datasetFingerprint(dataset)
    const teaching = taught && { fingerprint: await weightsFingerprint(taught.source) }
    return {
      method: 'cllm',
      step,
      data: tokenStream(dataset, stream, inputsOf),
      ...(dataset.total('validation').documents > 0 && {
        validation: () => validationInputs(dataset, shape, inputsOf),
      }),
      identity: {
        ...{ model: toConfig(spec), adapter, dataset: fingerprint, ...shape, taskMix, seed, ...optimiser },
        ...{ block, validation, iterates, augment, arWeight, teacher: teaching },
      },
      model,
      about: {
        files: data.map((file) => basename(file)),
        fingerprint,
        block,
        train: dataset.total('train'),
        validation: dataset.total('validation'),
        init: { folder: init, weights: await weightsFingerprint(source) },
        ...(teaching && { teacher: { folder: teacher, ...teaching } }),
      },
      tokenizer: tokenizer.folder,
      dispose: () => step.dispose(),
    }
  } finally {
    await checkpoint.close()
    await taught?.close()
  }
}

function requireOptions({ validation, iterates, augment, arWeight }: ConsistencyTaskOptions): void {
  for (const [name, value] of Object.entries({ validation, augment }))
    if (!(value >= 0 && value <= 1))
      throw new PacelineError('argument', `${name} is ${value}, expected a number from 0 to 1.`)
  if (!(Number.isInteger(iterates) && iterates >= 1))
    throw new PacelineError('argument', `iterates is ${iterates}, expected an integer of at least 1.`)
  if (!(arWeight >= 0 && arWeight < Number.POSITIVE_INFINITY))
    throw new PacelineError('argument', `arWeight is ${arWeight}, expected a number from 0 on.`)
}
