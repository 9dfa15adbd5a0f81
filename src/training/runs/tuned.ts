import { resolve } from 'node:path'
import {
  type Adapter,
  type AdapterSpec,
  adapterTensors,
  baseModelOf,
  type Checkpoint,
  expectedTensors,
  type ModelSpec,
  parseAdapterConfig,
  parseConfig,
  type StoredDType,
  toAdapterConfig,
  toConfig,
  wholeAdapter,
  writeAdapter,
  writeModel,
} from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { memorySource, type Tensor, type TensorSource, zeros } from '../../tensor/index.ts'
import { freshTensor } from '../initialise.ts'
import type { Objective } from '../objective.ts'
import { lowRankObjective } from '../objectives/low-rank.ts'
import { trainedTensors } from '../parameters.ts'
import { together, weightsFingerprint } from '../sources.ts'
import type { ExportedContent } from './export.ts'

/** Adapters that are trained in place of a model's own weights. */
export interface LowRankOptions {
  readonly rank: number
  /** What B A counts, times the rank: the rank itself unless given. */
  readonly alpha?: number
}

/** What is trained of a model. */
export interface Tuned {
  readonly objective: Objective
  readonly source: TensorSource
  /** For the record of the run: what `writeTuned` needs. */
  readonly model: Readonly<Record<string, unknown>>
  /** Beside the model's configuration, what must be the same when the run is resumed; nothing of a whole model. */
  readonly adapter?: Readonly<Record<string, unknown>>
}

/**
 * All weights of a model or, with `lowRank`, an adapter of its linear layers: a new one with A of noise and B of zeros, so
 * that it begins with the model as it is, or the model's own where it is an adapter already, which goes on.
 * Throws code `argument` for options out of range, and for another rank or alpha than those of the adapter that goes on.
 */
export async function tuned(
  { folder, spec, source, adapter: begun }: Pick<Checkpoint, 'folder' | 'spec' | 'source' | 'adapter'>,
  objective: Objective,
  { lowRank, seed }: { readonly lowRank?: LowRankOptions | undefined; readonly seed: number },
): Promise<Tuned> {
  if (lowRank === undefined) return { objective, source, model: toConfig(spec) }
  const { base, adapter, start } =
    begun === undefined
      ? { base: { folder, source }, ...newAdapter(spec, lowRank, seed) }
      : { base: { folder: begun.base, source: begun.stored.base }, ...goingOn(folder, begun, lowRank) }
  const { rank, alpha } = adapter
  return {
    objective: lowRankObjective(objective, spec, adapter),
    source: together(base.source, start),
    model: { ...toConfig(spec), [recordField]: toAdapterConfig(adapter, spec, resolve(base.folder)) },
    // The base model is in no checkpoint of the run: another one beside the same A and B would be another model.
    adapter: { rank, alpha, base: await weightsFingerprint(base.source) },
  }
}

/** An adapter, and its tensors before training. */
interface StartingAdapter {
  readonly adapter: AdapterSpec
  readonly start: TensorSource
}

function goingOn(
  folder: string,
  { spec, stored }: Adapter,
  { rank, alpha = spec.alpha }: LowRankOptions,
): StartingAdapter {
  if (rank !== spec.rank || alpha !== spec.alpha)
    throw new PacelineError(
      'argument',
      `${folder}: is an adapter of rank ${spec.rank} and alpha ${spec.alpha} and goes on as such, not with rank ${rank} and ` +
        `alpha ${alpha}. Begin a new one with its base model, or train all weights.`,
    )
  return { adapter: spec, start: stored.adapter }
}

function newAdapter(spec: ModelSpec, { rank, alpha = rank }: LowRankOptions, seed: number): StartingAdapter {
  const most = Math.min(spec.hiddenSize, spec.intermediateSize)
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= most))
    throw new PacelineError(
      'argument',
      `the rank of the adapter is ${rank}, expected an integer from 1 to ${most}: a matrix of the model has no more.`,
    )
  if (!(alpha > 0 && alpha < Number.POSITIVE_INFINITY))
    throw new PacelineError('argument', `alpha of the adapter is ${alpha}, expected a number above 0.`)
  const adapter = wholeAdapter(spec, { rank, alpha })
  return { adapter, start: memorySource(freshAdapter(spec, adapter, seed)) }
}

/** Where the record of a run holds its adapter, beside the fields of config.json. */
const recordField = 'adapter'

/** The tensors of a new adapter. */
function freshAdapter(spec: ModelSpec, adapter: AdapterSpec, seed: number): Record<string, Tensor<'f32'>> {
  return Object.fromEntries(
    adapterTensors(spec, adapter).map(({ name, dimensions }, stream) => {
      const shape = dimensions.map(({ size }) => size)
      const fresh = name.endsWith('.lora_B.weight')
        ? zeros('f32', shape)
        : freshTensor(name, shape, { layers: spec.layerCount, stream, seed })
      return [name, fresh]
    }),
  )
}

/**
 * Writes what a run has trained of a model: the model, or its adapter, in which case the tokenizer stays with the base
 * model. `recordFile` names the run's record in messages. Throws as `writeModel` and `writeAdapter` do.
 */
export async function writeTuned(
  out: string,
  { record, state, provenance }: ExportedContent,
  { dtype, tokenizer, recordFile }: { readonly dtype: StoredDType; tokenizer: string; recordFile: string },
): Promise<void> {
  const spec = parseConfig(record.model, `${recordFile}, model`)
  const stored = record.model[recordField]
  if (stored === undefined) {
    const tensors = trainedTensors(state, expectedTensors(spec))
    return writeModel(out, { spec, tensors, dtype, tokenizer, provenance })
  }
  const file = `${recordFile}, model.${recordField}`
  const adapter = parseAdapterConfig(stored, spec, file)
  const tensors = trainedTensors(state, adapterTensors(spec, adapter))
  return writeAdapter(out, { base: baseModelOf(stored, file), spec, adapter, tensors, dtype, provenance })
}
