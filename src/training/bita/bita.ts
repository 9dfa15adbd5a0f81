import {
  type BitaSpec,
  bitaParameters,
  bitaTensors,
  describeCheckpoint,
  type ModelSpec,
  openBita,
} from '../../checkpoint/index.ts'
import { memorySource, type Tensor, toFloat32 } from '../../tensor/index.ts'
import type { PackedDataset } from '../data/index.ts'
import { batchPlace } from '../draws.ts'
import { countTokens, type HeadTask, type HeadTaskOptions, openHeadTask } from '../heads/index.ts'
import { bitaObjective, frozenPrefix } from '../objectives/bita.ts'
import { trainedTensors } from '../parameters.ts'
import { sideBySide } from '../sources.ts'
import { freshRiders } from './fresh-riders.ts'
import { bitaInputs } from './step-inputs.ts'

/** How new masks and prefix are to be. */
export type NewRiders = Pick<BitaSpec, 'maskCount' | 'prefixLength'>

export interface BitaOptions extends HeadTaskOptions {
  /** New masks and prefix, or the folder of some to go on from. */
  readonly riders: NewRiders | string
  /** Groups of masks behind the text of each sequence. */
  readonly groups: number
}

/** What a run keeps of them: JSON. */
export interface BitaRecord {
  readonly riders: BitaSpec
  /** Numbers that are trained, and those of the target beside them. */
  readonly parameters: number
  readonly targetParameters: number
}

/** Training of mask tokens and prefix. Throws as `openHeadTask` and `openBita` do. */
export function openBitaTask(options: BitaOptions): Promise<HeadTask> {
  const { groups, seed } = options
  return openHeadTask(options, async ({ spec: target, source }, dataset) => {
    const embeddings = toFloat32(await source.read('model.embed_tokens.weight'))
    const { spec, tensors } = await beginning(options, target, { embeddings, dataset })
    const record: BitaRecord = {
      riders: spec,
      parameters: bitaParameters(spec),
      targetParameters: describeCheckpoint(target, source).parameters.total,
    }
    return {
      method: 'bita',
      taps: [],
      objective: bitaObjective(target, spec),
      weights: sideBySide(memorySource(tensors), source, frozenPrefix),
      inputsOf(batch, states, place) {
        const at = batchPlace(place)
        return bitaInputs(batch, states, { spec, embeddings, groups, place: { seed, at } })
      },
      identity: { riders: spec, groups },
      record: { ...record },
      coverage: 1,
    }
  })
}

async function beginning(
  { riders, seed }: BitaOptions,
  target: ModelSpec,
  { embeddings, dataset }: { readonly embeddings: Float32Array; readonly dataset: PackedDataset },
) {
  if (typeof riders !== 'string') {
    const { hiddenSize, vocabSize, layerCount, kvHeadCount, headDim } = target
    const spec: BitaSpec = { ...riders, hiddenSize, vocabSize, layerCount, kvHeadCount, headDim }
    const counts = countTokens(dataset.split('train'), vocabSize)
    return { spec, tensors: freshRiders(spec, { embeddings, counts, seed }) }
  }
  const { spec, source, close } = await openBita(riders, target)
  try {
    const read = bitaTensors(spec).map(async ({ name }) => [name, await source.read(name)] as const)
    return { spec, tensors: Object.fromEntries(await Promise.all(read)) }
  } finally {
    await close()
  }
}

/** The tensors under their names, from the state of their training step. */
export function ridersTensors(state: ReadonlyMap<string, Tensor>, spec: BitaSpec): Map<string, Tensor<'f32'>> {
  return trainedTensors(state, bitaTensors(spec))
}
