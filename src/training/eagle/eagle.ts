import {
  type Dtype,
  type EagleHeadSpec,
  eagleHeadTensors,
  type ModelSpec,
  openCheckpoint,
  openEagleHead,
} from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { loadTargetModel, type TargetModel } from '../../model/index.ts'
import { chooseExecutor } from '../../runtime/index.ts'
import { memorySource, type Tensor, type TensorSource, tensor, toFloat32 } from '../../tensor/index.ts'
import { openTokenizer, PackedDataset, type StreamState, type TokenBatch, temperatureRates } from '../data/index.ts'
import { type EagleObjectiveOptions, eagleObjective, sharedEmbedding, sharedHead } from '../objectives/eagle.ts'
import { parametersOf, splitParameters } from '../parameters.ts'
import type { TrainingTask } from '../runs/task.ts'
import { datasetFingerprint, requireSequences, tokenStream, validationInputs } from '../runs/token-stream.ts'
import { weightsFingerprint } from '../sources.ts'
import { createTrainingStep } from '../training-step.ts'
import { type DraftVocabulary, draftVocabulary, knownVocabulary } from './draft-vocabulary.ts'
import { freshHead } from './fresh-head.ts'
import { type NewHead, newHeadSpec } from './head-spec.ts'
import { eagleInputs } from './step-inputs.ts'
import { StateReader } from './target-states.ts'

export interface EagleOptions {
  /** A packed dataset: answers of the target, best of all. */
  readonly data: string
  /** The folder of the target. */
  readonly target: string
  /** A new head, or the folder of one to go on from: its shape, its tokens and its weights. */
  readonly head: NewHead | string
  /** Tokens that a new head knows; all unless given. */
  readonly draftVocab?: number
  readonly objective: EagleObjectiveOptions
  /** Amplitude of the uniform noise on the features of an `eagle`. */
  readonly noise: number
  /** How the target runs: as it will when the head drafts for it, best of all. */
  readonly dtype: Dtype
  readonly sequences: number
  /** Rows per sequence. */
  readonly length: number
  /** Exponent of the tasks' shares: see `temperatureRates`. */
  readonly taskMix: number
  /** Of initial weights, noise and the order of the data. */
  readonly seed: number
  readonly threads?: number
  readonly optimiser: { readonly decay: number; readonly betas: readonly [number, number]; readonly clip: number }
}

/** What a run of a head keeps of it: JSON. */
export interface HeadRecord {
  readonly head: EagleHeadSpec
  /** The target's ids of the tokens that the head knows, where these are not all. */
  readonly targetIds?: readonly number[]
}

/**
 * Training of an EAGLE head for a target, whose states are computed as they are needed. Throws as `openCheckpoint` and
 * `PackedDataset.open` do, and code `argument` for a head that cannot be, or data packed with another tokenizer.
 */
export async function openEagle(options: EagleOptions): Promise<TrainingTask & { readonly coverage: number }> {
  const {
    data,
    target: folder,
    sequences,
    length,
    taskMix,
    seed,
    objective,
    noise,
    dtype,
    threads,
    optimiser,
  } = options
  const tokenizer = await openTokenizer(folder)
  const dataset = await PackedDataset.open(data, { fingerprint: tokenizer.fingerprint })
  const checkpoint = await openCheckpoint(folder)
  let model: TargetModel | undefined
  try {
    const { spec: target, source } = checkpoint
    const { spec, vocabulary, initial } = await beginning(options, target, dataset)
    const { draftIds, targetIds } = vocabulary
    const { executor } = chooseExecutor({ ...(threads !== undefined && { threads }) })
    model = await loadTargetModel(target, source, { executor, dtype, taps: spec.taps })
    const reader = new StateReader(model, spec.taps, length)
    const inputs = { spec, steps: objective.steps, draftIds }
    const inputsOf = async (batch: TokenBatch, place?: StreamState) => {
      const states = await reader.read(batch)
      const at = place && { amplitude: noise, seed, place: [place.epoch, place.index] as const }
      return eagleInputs(batch, states, inputs, at)
    }
    const stream = { sequences, length, seed, taskRates: temperatureRates(dataset, taskMix) }
    requireSequences(dataset, stream)
    const shared = await sharedTensors(source, target.tiedEmbeddings, vocabulary)
    const weights = memorySource({ ...(initial ?? freshHead(spec, shared[sharedHead], seed)), ...shared })
    const step = await createTrainingStep(eagleObjective(spec, objective), weights, {
      betas: optimiser.betas,
      weightDecay: optimiser.decay,
      maxGradientNorm: optimiser.clip,
      ...(threads !== undefined && { threads }),
    })
    const fingerprint = datasetFingerprint(dataset)
    const about = { folder, dtype, weights: await weightsFingerprint(source) }
    const record: HeadRecord = { head: spec, ...(targetIds && { targetIds: [...targetIds] }) }
    const [running, shape] = [model, { sequences, length }]
    const close = async () => {
      reader.dispose()
      await running.dispose()
      await step.dispose()
      await checkpoint.close()
    }
    return {
      method: spec.kind,
      step,
      coverage: vocabulary.coverage,
      data: tokenStream(dataset, stream, inputsOf),
      ...(dataset.split('validation').documentCount > 0 && {
        validation: () => validationInputs(dataset, shape, inputsOf),
      }),
      identity: {
        ...{ head: spec, draftVocab: spec.draftVocabSize, dataset: fingerprint, target: about.weights, dtype },
        ...{ ...objective, noise, ...shape, taskMix, seed, ...optimiser },
      },
      model: { ...record },
      about: {
        folder: data,
        fingerprint,
        train: dataset.total('train'),
        validation: dataset.total('validation'),
        sources: dataset.info.sources,
        target: about,
      },
      tokenizer: tokenizer.folder,
      dispose: close,
    }
  } catch (error) {
    await model?.dispose()
    await checkpoint.close()
    throw error
  }
}

interface Beginning {
  readonly spec: EagleHeadSpec
  readonly vocabulary: DraftVocabulary
  /** The tensors of a head that is there already. */
  readonly initial?: Record<string, Tensor>
}

/** What is trained: a new head, or one that is there. Throws as `openEagleHead` does. */
async function beginning(
  { head, draftVocab }: EagleOptions,
  target: ModelSpec,
  dataset: PackedDataset,
): Promise<Beginning> {
  const split = dataset.split('train')
  if (typeof head !== 'string') {
    const vocabulary = draftVocabulary(split, target.vocabSize, draftVocab)
    return { spec: newHeadSpec(target, head, vocabulary.targetIds?.length ?? target.vocabSize), vocabulary }
  }
  const { spec, source, targetIds, close } = await openEagleHead(head, target)
  try {
    // That of an `eagle` is a copy of its target's; another one would have to be trained, or at least kept.
    if (spec.kind === 'eagle3' && source.infos.has('embed_tokens.weight'))
      throw new PacelineError(
        'unsupported',
        `${head}: the head has an embedding table of its own, and only heads that read their target's can be trained.`,
      )
    const read = eagleHeadTensors(spec).map(async ({ name }) => [name, await source.read(name)] as const)
    const initial = Object.fromEntries(await Promise.all(read))
    return { spec, vocabulary: knownVocabulary(split, target.vocabSize, targetIds), initial }
  } finally {
    await close()
  }
}

/** The tensors of a head under their canonical names, from the state of its training step. */
export function headTensors(state: ReadonlyMap<string, Tensor>, spec: EagleHeadSpec): Map<string, Tensor<'f32'>> {
  const shapes = eagleHeadTensors(spec).map(
    ({ name, dimensions }) => [name, dimensions.map(({ size }) => size)] as const,
  )
  return splitParameters(parametersOf(state), new Map(shapes))
}

/** What the head shares with its target, in memory: the step has it as constants. */
async function sharedTensors(source: TensorSource, tied: boolean, { targetIds }: DraftVocabulary) {
  const embedding = await source.read('model.embed_tokens.weight')
  const whole = tied ? embedding : await source.read('lm_head.weight')
  if (targetIds === undefined) return { [sharedEmbedding]: embedding, [sharedHead]: whole }
  const width = whole.shape[1]
  const values = toFloat32(whole)
  const rows = new Float32Array(targetIds.length * width)
  for (const [row, id] of targetIds.entries()) rows.set(values.subarray(id * width, (id + 1) * width), row * width)
  return { [sharedEmbedding]: embedding, [sharedHead]: tensor('f32', [targetIds.length, width], rows) }
}
