import { expectedTensors, type ModelSpec, openCheckpoint, shapeSpec, toConfig } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { memorySource, type Tensor } from '../../tensor/index.ts'
import { openTokenizer, PackedDataset, type Tokenizer, temperatureRates } from '../data/index.ts'
import { freshTensors } from '../initialise.ts'
import { languageModelObjective } from '../objectives/language-model.ts'
import { splitParameters } from '../parameters.ts'
import { createTrainingStep } from '../training-step.ts'
import type { TrainingTask } from './task.ts'
import { datasetFingerprint, nextTokenInputs, tokenStream, validationInputs } from './token-stream.ts'

/** The shape of a new model; what it does not say is as in Llama. */
export type NewShape = Pick<
  ModelSpec,
  'hiddenSize' | 'intermediateSize' | 'layerCount' | 'headCount' | 'kvHeadCount' | 'contextLength' | 'tiedEmbeddings'
>

export interface LanguageModelOptions {
  /** A packed dataset. */
  readonly data: string
  /** A model folder to begin with, its shape and its weights; without it a new model of `shape`. */
  readonly init?: string
  readonly shape: NewShape
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
 * `argument` for a shape that cannot be or a dataset packed with another tokenizer than the model's.
 */
export async function openLanguageModel(options: LanguageModelOptions): Promise<TrainingTask> {
  const { data, init, sequences, length, taskMix, seed, threads, optimiser } = options
  const tokenizer = await openTokenizer(init ?? data)
  const dataset = await PackedDataset.open(data, { fingerprint: tokenizer.fingerprint })
  const checkpoint = init === undefined ? null : await openCheckpoint(init)
  try {
    const spec = checkpoint?.spec ?? newSpec(options.shape, tokenizer)
    if (length > spec.contextLength)
      throw new PacelineError(
        'argument',
        `sequences are ${length} tokens long, the model is made for ${spec.contextLength}: shorten them, or give a longer context.`,
      )
    const source = checkpoint?.source ?? memorySource(freshTensors(spec, seed))
    const step = await createTrainingStep(languageModelObjective(spec), source, {
      betas: optimiser.betas,
      weightDecay: optimiser.decay,
      maxGradientNorm: optimiser.clip,
      ...(threads !== undefined && { threads }),
    })
    const model = toConfig(spec)
    const shape = { sequences, length }
    return {
      method: 'lm',
      step,
      data: tokenStream(dataset, { ...shape, seed, taskRates: temperatureRates(dataset, taskMix) }, nextTokenInputs),
      ...(dataset.split('validation').documentCount > 0 && {
        validation: () => validationInputs(dataset, shape, nextTokenInputs),
      }),
      identity: { model, dataset: datasetFingerprint(dataset), ...shape, taskMix, seed, ...optimiser },
      model,
      about: {
        folder: data,
        fingerprint: datasetFingerprint(dataset),
        train: dataset.total('train'),
        validation: dataset.total('validation'),
        sources: dataset.info.sources,
      },
      tokenizer: tokenizer.folder,
      dispose: () => step.dispose(),
    }
  } finally {
    await checkpoint?.close()
  }
}

/** Throws code `argument` for a shape that cannot be. */
function newSpec(shape: NewShape, { vocabSize, endId, begin, codec }: Tokenizer): ModelSpec {
  const { hiddenSize, headCount, layerCount } = shape
  if (hiddenSize % headCount !== 0)
    throw new PacelineError('argument', `the width is ${hiddenSize}, expected a multiple of the ${headCount} heads.`)
  const bos = begin === undefined ? [] : codec.encode(begin, { addSpecialTokens: false })
  return shapeSpec({
    ...shape,
    headDim: hiddenSize / headCount,
    windows: new Array<null>(layerCount).fill(null),
    vocabSize,
    bosTokenId: bos.length === 1 ? bos[0] : null,
    eosTokenIds: [endId],
  })
}

/**
 * The tensors of a model under their checkpoint names, from the state of its training step.
 * Throws code `shape` where the two do not fit.
 */
export function languageModelTensors(state: ReadonlyMap<string, Tensor>, spec: ModelSpec): Map<string, Tensor> {
  const shapes = expectedTensors(spec).map(
    ({ name, dimensions }) => [name, dimensions.map(({ size }) => size)] as const,
  )
  const parameters = [...state].flatMap(([key, tensor]) => {
    const name = /^parameter (.+)$/.exec(key)?.[1]
    return name === undefined ? [] : [[name, tensor] as const]
  })
  return splitParameters(new Map(parameters), new Map(shapes))
}
