import { type Checkpoint, type Dtype, openCheckpoint } from '../../checkpoint/index.ts'
import { loadTargetModel, type TargetModel } from '../../model/index.ts'
import { chooseExecutor } from '../../runtime/index.ts'
import type { TensorSource } from '../../tensor/index.ts'
import { openTokenizer, PackedDataset, type StreamState, type TokenBatch, temperatureRates } from '../data/index.ts'
import type { Objective } from '../objective.ts'
import type { TrainingTask } from '../runs/task.ts'
import { datasetFingerprint, requireSequences, tokenStream, validationInputs } from '../runs/token-stream.ts'
import { weightsFingerprint } from '../sources.ts'
import type { StepInputs } from '../trainer/index.ts'
import { createTrainingStep } from '../training-step.ts'
import { StateReader, type TargetStates } from './target-states.ts'

/** What every training of a head for a target is told. */
export interface HeadTaskOptions {
  /** A packed dataset: answers of the target, best of all. */
  readonly data: string
  /** The folder of the target. */
  readonly target: string
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

/** What a method makes of target and data. */
export interface HeadMethod {
  readonly method: string
  /** Layers of the target whose outputs the head reads. */
  readonly taps: readonly number[]
  readonly objective: Objective
  /** The first weights of the head, and what it shares with its target. */
  readonly weights: TensorSource
  /** Inputs of the objective; `place` as of `FromTokens`. */
  inputsOf(batch: TokenBatch, states: TargetStates, place?: StreamState): StepInputs
  /** What must be the same when the run is resumed, beside what all heads have in common. */
  readonly identity: Readonly<Record<string, unknown>>
  /** What a run keeps of it: JSON. */
  readonly record: Readonly<Record<string, unknown>>
  /** Share of the answers' tokens that the head knows. */
  readonly coverage: number
}

export type HeadTask = TrainingTask & { readonly coverage: number }

/**
 * Training of a head for a target that stays as it is, and whose states are computed as they are needed. Throws as
 * `openCheckpoint` and `PackedDataset.open` do, code `argument` for data packed with another tokenizer, and what `make` throws.
 */
export async function openHeadTask(
  options: HeadTaskOptions,
  make: (checkpoint: Checkpoint, dataset: PackedDataset) => Promise<HeadMethod>,
): Promise<HeadTask> {
  const { data, target: folder, sequences, length, taskMix, seed, dtype, threads, optimiser } = options
  const tokenizer = await openTokenizer(folder)
  const dataset = await PackedDataset.open(data, { fingerprint: tokenizer.fingerprint })
  const checkpoint = await openCheckpoint(folder)
  let model: TargetModel | undefined
  try {
    const { spec, source } = checkpoint
    const head = await make(checkpoint, dataset)
    const { executor } = chooseExecutor({ ...(threads !== undefined && { threads }) })
    model = await loadTargetModel(spec, source, { executor, dtype, taps: head.taps })
    const reader = new StateReader(model, head.taps, length)
    const inputsOf = async (batch: TokenBatch, place?: StreamState) =>
      head.inputsOf(batch, await reader.read(batch), place)
    const stream = { sequences, length, seed, taskRates: temperatureRates(dataset, taskMix) }
    requireSequences(dataset, stream)
    const step = await createTrainingStep(head.objective, head.weights, {
      betas: optimiser.betas,
      weightDecay: optimiser.decay,
      maxGradientNorm: optimiser.clip,
      ...(threads !== undefined && { threads }),
    })
    const fingerprint = datasetFingerprint(dataset)
    const about = { folder, dtype, weights: await weightsFingerprint(source) }
    const [running, shape] = [model, { sequences, length }]
    return {
      method: head.method,
      step,
      coverage: head.coverage,
      data: tokenStream(dataset, stream, inputsOf),
      ...(dataset.split('validation').documentCount > 0 && {
        validation: () => validationInputs(dataset, shape, inputsOf),
      }),
      identity: {
        ...{ dataset: fingerprint, target: about.weights, dtype },
        ...{ ...head.identity, ...shape, taskMix, seed, ...optimiser },
      },
      model: head.record,
      about: {
        folder: data,
        fingerprint,
        train: dataset.total('train'),
        validation: dataset.total('validation'),
        sources: dataset.info.sources,
        target: about,
      },
      tokenizer: tokenizer.folder,
      async dispose() {
        reader.dispose()
        await running.dispose()
        await step.dispose()
        await checkpoint.close()
      },
    }
  } catch (error) {
    await model?.dispose()
    await checkpoint.close()
    throw error
  }
}
