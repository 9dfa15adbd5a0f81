import { type MedusaSpec, type ModelSpec, medusaTensors, openMedusaHeads } from '../../checkpoint/index.ts'
import { memorySource, type Tensor } from '../../tensor/index.ts'
import type { PackedDataset } from '../data/index.ts'
import {
  type DraftVocabulary,
  draftVocabulary,
  type HeadTask,
  type HeadTaskOptions,
  knownVocabulary,
  openHeadTask,
  targetHead,
} from '../heads/index.ts'
import { sharedHead } from '../objectives/eagle.ts'
import { type MedusaObjectiveOptions, medusaObjective } from '../objectives/medusa.ts'
import { trainedTensors } from '../parameters.ts'
import { freshHeads } from './fresh-heads.ts'
import { medusaInputs } from './step-inputs.ts'

/** How new heads are to be. */
export interface NewHeads {
  readonly headCount: number
  /** Residual blocks of each. */
  readonly layerCount: number
  /** Whether each has an LM head of its own, which is trained too; else they end in their target's. */
  readonly ownLmHeads: boolean
}

export interface MedusaOptions extends HeadTaskOptions {
  /** New heads, or the folder of some to go on from: their shape, their tokens and their weights. */
  readonly heads: NewHeads | string
  /** Tokens that new heads know; all unless given. */
  readonly draftVocab?: number
  readonly objective: MedusaObjectiveOptions
}

/** What a run of heads keeps of them: JSON. */
export interface MedusaRecord {
  readonly heads: MedusaSpec
  /** The target's ids of the tokens that the heads know, where these are not all. */
  readonly targetIds?: readonly number[]
}

/** Training of Medusa heads. Throws as `openHeadTask` and `openMedusaHeads` do. */
export function openMedusa(options: MedusaOptions): Promise<HeadTask> {
  const { objective } = options
  return openHeadTask(options, async ({ spec: target, source }, dataset) => {
    const { spec, vocabulary, initial } = await beginning(options, target, dataset)
    const { draftIds, targetIds } = vocabulary
    const matrix = await targetHead({ spec: target, source }, targetIds)
    const record: MedusaRecord = { heads: spec, ...(targetIds && { targetIds: [...targetIds] }) }
    return {
      method: 'medusa',
      taps: [],
      objective: medusaObjective(spec, objective),
      weights: memorySource({ ...(initial ?? freshHeads(spec, matrix)), [sharedHead]: matrix }),
      inputsOf: (batch, states) => medusaInputs(batch, states, { spec, soft: objective.soft, draftIds }),
      identity: { heads: spec, ...objective },
      record: { ...record },
      coverage: vocabulary.coverage,
    }
  })
}

interface Beginning {
  readonly spec: MedusaSpec
  readonly vocabulary: DraftVocabulary
  /** The tensors of heads that are there already. */
  readonly initial?: Record<string, Tensor>
}

async function beginning(
  { heads, draftVocab }: MedusaOptions,
  { hiddenSize, vocabSize, ...target }: ModelSpec,
  dataset: PackedDataset,
): Promise<Beginning> {
  const split = dataset.split('train')
  if (typeof heads !== 'string') {
    const vocabulary = draftVocabulary(split, vocabSize, draftVocab)
    const { headCount, layerCount, ownLmHeads } = heads
    const draftVocabSize = vocabulary.targetIds?.length ?? vocabSize
    const lmHead = ownLmHeads ? 'own' : 'target'
    return { spec: { headCount, layerCount, hiddenSize, vocabSize, draftVocabSize, bias: true, lmHead }, vocabulary }
  }
  const { spec, source, targetIds, close } = await openMedusaHeads(heads, { hiddenSize, vocabSize, ...target })
  try {
    const read = medusaTensors(spec).map(async ({ name }) => [name, await source.read(name)] as const)
    const initial = Object.fromEntries(await Promise.all(read))
    return { spec, vocabulary: knownVocabulary(split, vocabSize, targetIds), initial }
  } finally {
    await close()
  }
}

/** The tensors of heads under their canonical names, from the state of their training step. */
export function headsTensors(state: ReadonlyMap<string, Tensor>, spec: MedusaSpec): Map<string, Tensor<'f32'>> {
  return trainedTensors(state, medusaTensors(spec))
}
