import { resolve } from 'node:path'
import {
  type AdapterSpec,
  adapterPrefix,
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
import { sideBySide, weightsFingerprint } from '../sources.ts'
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
 * All weights of a model or, with `lowRank`, an adapter of its linear layers: A of noise and B of zeros, so that it begins
 * with the model as it is. Throws code `argument` for options out of range.
 */
export async function tuned(
  { folder, spec, source, adapter: begun }: Pick<Checkpoint, 'folder' | 'spec' | 'source' | 'adapter'>,
  objective: Objective,
  { lowRank, seed }: { readonly lowRank?: LowRankOptions | undefined; readonly seed: number },
): Promise<Tuned> {
  if (lowRank === undefined) return { objective, source, model: toConfig(spec) }
  if (begun !== undefined)
    throw new PacelineError(
      'argument',
      `${folder}: is an adapter itself, of ${begun.base}: train an adapter of that, or all weights.`,
    )
  const { rank, alpha = rank } = lowRank
  const most = Math.min(spec.hiddenSize, spec.intermediateSize)
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= most))
    throw new PacelineError(
      'argument',
      `the rank of the adapter is ${rank}, expected an integer from 1 to ${most}: a matrix of the model has no more.`,
    )
  if (!(alpha > 0 && alpha < Number.POSITIVE_INFINITY))
    throw new PacelineError('argument', `alpha of the adapter is ${alpha}, expected a number above 0.`)
  const adapter = wholeAdapter(spec, { rank, alpha })
  return {
    objective: lowRankObjective(objective, spec, adapter),
    source: sideBySide(source, memorySource(freshAdapter(spec, adapter, seed)), adapterPrefix),
    model: { ...toConfig(spec), [recordField]: toAdapterConfig(adapter, resolve(folder)) },
    // The base model is in no checkpoint of the run: another one beside the same A and B would be another model.
    adapter: { rank, alpha, base: await weightsFingerprint(source) },
  }
}

/** Where the record of a run holds its adapter, beside the fields of config.json. */
const recordField = 'adapter'

/** The tensors of an adapter before training, without the prefix of their names. */
function freshAdapter(spec: ModelSpec, adapter: AdapterSpec, seed: number): Record<string, Tensor<'f32'>> {
  return Object.fromEntries(
    adapterTensors(spec, adapter).map(({ name, dimensions }, stream) => {
      const shape = dimensions.map(({ size }) => size)
      const fresh = name.endsWith('.lora_B.weight')
        ? zeros('f32', shape)
        : freshTensor(name, shape, { layers: spec.layerCount, stream, seed })
      return [name.slice(adapterPrefix.length), fresh]
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
