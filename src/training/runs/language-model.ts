import { expectedTensors, type ModelSpec, openCheckpoint, shapeSpec, toConfig } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { memorySource, type Tensor } from '../../tensor/index.ts'
import { openTokenizer, PackedDataset, type Tokenizer, temperatureRates } from '../data/index.ts'
import { freshTensors } from '../initialise.ts'
import { distillationObjective, teacherPrefix } from '../objectives/distillation.ts'
import { languageModelObjective } from '../objectives/language-model.ts'
import { trainedTensors } from '../parameters.ts'
import { sideBySide, weightsFingerprint } from '../sources.ts'
import { createTrainingStep } from '../training-step.ts'
import type { TrainingTask } from './task.ts'
import {
  datasetFingerprint,
  distillationInputs,
  nextTokenInputs,
  requireSequences,
  tokenStream,
  validationInputs,
} from './token-stream.ts'
import { type LowRankOptions, tuned } from './tuned.ts'

/** The shape of a new model; what it does not say is as in Llama. */
export type NewShape = Pick<
  ModelSpec,
  'hiddenSize' | 'intermediateSize' | 'layerCount' | 'headCount' | 'kvHeadCount' | 'contextLength' | 'tiedEmbeddings'
>

export interface LanguageModelOptions {
  /** A packed dataset. */
  readonly data: string
  /** A model folder to begin with, its shape and its weights, or the shape of a new model: one of the two. */
  readonly init?: string
  readonly shape?: NewShape
  /** A model whose distributions are learned too, and their share of the loss: see `distillationObjective`. */
  readonly teacher?: { readonly folder: string; readonly share: number }
  /** Trains an adapter of the model in `init`, which stays as it is. */
  readonly lowRank?: LowRankOptions
  readonly sequences: number
  /** Rows per sequence. */
  readonly length: number
  /** Exponent of the tasks' shares, 0 (all alike) to 1 (as the data are): see `temperatureRates`. */
  readonly taskMix: number
  /** Of initial weights and the order of the data. */
  readonly seed: number
  /** All processors unless given. */
  readonly threads?: number
  readonly optimiser: { readonly decay: number; readonly betas: readonly [number, number]; readonly clip: number }
}

/**
 * Next-token prediction over a packed dataset. Throws as `openCheckpoint` and `PackedDataset.open` do, and code
 * `argument` for a shape that cannot be or a dataset packed with another tokenizer than the model's or the teacher's.
 */
export async function openLanguageModel(options: LanguageModelOptions): Promise<TrainingTask> {
  const { data, init, teacher, lowRank, sequences, length, taskMix, seed, threads, optimiser } = options
  if ((init === undefined) === (options.shape === undefined))
    throw new PacelineError('argument', 'give a model to begin with or the shape of a new one: one of the two.')
  if (lowRank !== undefined && init === undefined)
    throw new PacelineError('argument', 'an adapter is trained of a model that is there: give one to begin with.')
  const tokenizer = await openTokenizer(init ?? data)
  const dataset = await PackedDataset.open(data, { fingerprint: tokenizer.fingerprint })
  if (teacher !== undefined) await requireTokenizer(teacher.folder, tokenizer)
  const initial = init === undefined ? null : await openCheckpoint(init)
  const taught = teacher === undefined ? null : await openCheckpoint(teacher.folder)
  try {
    const spec = initial?.spec ?? newModelSpec(options.shape!, vocabularyOf(tokenizer))
    requireContext(spec, length)
    const stream = { sequences, length, seed, taskRates: temperatureRates(dataset, taskMix) }
    requireSequences(dataset, stream)
    const source = initial?.source ?? memorySource(freshTensors(spec, seed))
    const objective = taught
      ? distillationObjective(spec, { teacher: taught.spec, share: teacher!.share })
      : languageModelObjective(spec)
    const { model, adapter, ...trained } = await tuned(initial ?? { folder: data, spec, source }, objective, {
      lowRank,
      seed,
    })
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
    const shape = { sequences, length }
    const inputsOf = taught === null ? nextTokenInputs : distillationInputs(spec.vocabSize)
    const teaching = taught && { share: teacher!.share, fingerprint: await weightsFingerprint(taught.source) }
    const fingerprint = datasetFingerprint(dataset)
    return {
      method: 'lm',
      step,
      data: tokenStream(dataset, stream, inputsOf),
      ...(dataset.split('validation').documentCount > 0 && {
        validation: () => validationInputs(dataset, shape, inputsOf),
      }),
      identity: {
        model: toConfig(spec),
        adapter,
        dataset: fingerprint,
        ...shape,
        taskMix,
        seed,
        ...optimiser,
        teacher: teaching,
      },
      model,
      about: {
        folder: data,
        fingerprint,
        train: dataset.total('train'),
        validation: dataset.total('validation'),
        sources: dataset.info.sources,
        ...(teaching && { teacher: { folder: teacher!.folder, ...teaching } }),
      },
      tokenizer: tokenizer.folder,
      dispose: () => step.dispose(),
    }
  } finally {
    await initial?.close()
    await taught?.close()
  }
}

/** Throws code `argument` where sequences are longer than what the model is made for. */
export function requireContext({ contextLength }: Pick<ModelSpec, 'contextLength'>, length: number): void {
  if (length <= contextLength) return
  throw new PacelineError(
    'argument',
    `sequences are ${length} tokens long, the model is made for ${contextLength}: shorten them, or give a longer context.`,
  )
}

/** Throws code `argument` where the teacher has another tokenizer: its distributions would be over other tokens. */
export async function requireTokenizer(folder: string, { fingerprint }: Tokenizer): Promise<void> {
  const teacher = await openTokenizer(folder)
  if (teacher.fingerprint !== fingerprint)
    throw new PacelineError(
      'argument',
      `${folder}: the teacher has the tokenizer ${teacher.fingerprint}, the data ${fingerprint}. ` +
        "Pack the data with the teacher's folder as --tokenizer.",
    )
}

/** A new model of a shape, and what its tokenizer says. Throws code `argument` for a shape that cannot be. */
export function newModelSpec(
  shape: NewShape,
  vocabulary: Pick<ModelSpec, 'vocabSize' | 'bosTokenId' | 'eosTokenIds'>,
): ModelSpec {
  const { hiddenSize, headCount, layerCount } = shape
  if (hiddenSize % headCount !== 0)
    throw new PacelineError('argument', `the width is ${hiddenSize}, expected a multiple of the ${headCount} heads.`)
  const headDim = hiddenSize / headCount
  return shapeSpec({ ...shape, headDim, windows: new Array<null>(layerCount).fill(null), ...vocabulary })
}

function vocabularyOf({ vocabSize, endId, begin, codec }: Tokenizer) {
  const bos = begin === undefined ? [] : codec.encode(begin, { addSpecialTokens: false })
  return { vocabSize, bosTokenId: bos.length === 1 ? bos[0] : null, eosTokenIds: [endId] }
}

/**
 * The tensors of a model under their checkpoint names, from the state of its training step.
 * Throws code `shape` where the two do not fit.
 */
export function languageModelTensors(state: ReadonlyMap<string, Tensor>, spec: ModelSpec): Map<string, Tensor> {
  return trainedTensors(state, expectedTensors(spec))
}
