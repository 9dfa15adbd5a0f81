import { type EagleHeadSpec, eagleHeadTensors, type ModelSpec, openEagleHead } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
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
import { type EagleObjectiveOptions, eagleObjective, sharedEmbedding, sharedHead } from '../objectives/eagle.ts'
import { trainedTensors } from '../parameters.ts'
import { freshHead } from './fresh-head.ts'
import { type NewHead, newHeadSpec } from './head-spec.ts'
import { eagleInputs } from './step-inputs.ts'

export interface EagleOptions extends HeadTaskOptions {
  /** A new head, or the folder of one to go on from: its shape, its tokens and its weights. */
  readonly head: NewHead | string
  /** Tokens that a new head knows; all unless given. */
  readonly draftVocab?: number
  readonly objective: EagleObjectiveOptions
  /** Amplitude of the uniform noise on the features of an `eagle`. */
  readonly noise: number
}

/** What a run of a head keeps of it: JSON. */
export interface HeadRecord {
  readonly head: EagleHeadSpec
  /** The target's ids of the tokens that the head knows, where these are not all. */
  readonly targetIds?: readonly number[]
}

/** Training of an EAGLE head. Throws as `openHeadTask` does, and code `argument` for a head that cannot be. */
export function openEagle(options: EagleOptions): Promise<HeadTask> {
  const { seed, objective, noise } = options
  return openHeadTask(options, async ({ spec: target, source }, dataset) => {
    const { spec, vocabulary, initial } = await beginning(options, target, dataset)
    const { draftIds, targetIds } = vocabulary
    const shared = {
      [sharedEmbedding]: await source.read('model.embed_tokens.weight'),
      [sharedHead]: await targetHead({ spec: target, source }, targetIds),
    }
    const inputs = { spec, steps: objective.steps, draftIds }
    const record: HeadRecord = { head: spec, ...(targetIds && { targetIds: [...targetIds] }) }
    return {
      method: spec.kind,
      taps: spec.taps,
      objective: eagleObjective(spec, objective),
      weights: memorySource({ ...(initial ?? freshHead(spec, shared[sharedHead], seed)), ...shared }),
      inputsOf(batch, states, place) {
        const at = place && { amplitude: noise, seed, place: [place.epoch, place.index] as const }
        return eagleInputs(batch, states, inputs, at)
      },
      identity: { head: spec, draftVocab: spec.draftVocabSize, ...objective, noise },
      record: { ...record },
      coverage: vocabulary.coverage,
    }
  })
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
  return trainedTensors(state, eagleHeadTensors(spec))
}
