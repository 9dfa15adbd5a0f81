import { expectedTensors, type ModelSpec, openCheckpoint, shapeSpec, toConfig } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { elementCount, type Tensor, type TensorSource, tensor, toFloat32 } from '../../tensor/index.ts'
import { openTokenizer, PackedDataset, type Tokenizer, temperatureRates } from '../data/index.ts'
import type { TrainingStep } from '../step.ts'
import type { Objective } from './objective.ts'
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
  readonly optimiser: { readonly decay: number; readonly betas: readonly [number, number]; readonly clip: number }
}

/** What a step for next-token prediction is made of. */
export interface LanguageModelStepOptions {
  readonly spec: ModelSpec
  /** The weights to begin with; `null`: random ones. */
  readonly source: TensorSource | null
  readonly sequences: number
  readonly length: number
  readonly seed: number
  readonly optimiser: LanguageModelOptions['optimiser']
}

/**
 * Next-token prediction over a packed dataset. Throws as `openCheckpoint` and `PackedDataset.open` do, and code
 * `argument` for a shape that cannot be or a dataset packed with another tokenizer than the model's.
 */
export async function openLanguageModel(
  options: LanguageModelOptions,
  createStep: (options: LanguageModelStepOptions) => Promise<TrainingStep>,
): Promise<Objective> {
  const { data, init, sequences, length, taskMix, seed, optimiser } = options
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
    const step = await createStep({ spec, source: checkpoint?.source ?? null, sequences, length, seed, optimiser })
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

/** What a parameter is called that several checkpoint tensors make, one below the other. */
const joint = ' + '

/**
 * The tensors of a model under their checkpoint names, from the state of its training step, where those that share an
 * input are one parameter. Throws code `checkpoint` where one is missing.
 */
export function languageModelTensors(state: ReadonlyMap<string, Tensor>, spec: ModelSpec): Map<string, Tensor> {
  const place = new Map<string, { parameter: string; from: number }>()
  const shapes = new Map(
    expectedTensors(spec).map(({ name, dimensions }) => [name, dimensions.map(({ size }) => size)]),
  )
  for (const parameter of state.keys()) {
    let from = 0
    for (const name of parameter.split(joint)) {
      const shape = shapes.get(name)
      if (shape === undefined) break
      place.set(name, { parameter, from })
      from += elementCount(shape)
    }
  }
  return new Map(
    Array.from(shapes, ([name, shape]) => {
      const found = place.get(name)
      if (found === undefined)
        throw new PacelineError('checkpoint', `the training state: there is no parameter for tensor "${name}".`)
      const values = toFloat32(state.get(found.parameter)!)
      return [name, tensor('f32', shape, values.subarray(found.from, found.from + elementCount(shape)))]
    }),
  )
}
