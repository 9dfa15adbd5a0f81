import type { Dtype, EagleHeadSpec } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import type { Executable, Executor } from '../../runtime/index.ts'
import type { TensorSource } from '../../tensor/index.ts'
import { withTargetHead } from '../draft-head.ts'
import { type Embedding, openEmbedding } from '../embedding.ts'
import type { TargetModel } from '../load.ts'
import { withColumns } from './columns.ts'
import { eagleGraph, fuseGraph, joinedWidths } from './graph.ts'
import { EagleText } from './text.ts'

/** A head as it lies in its folder, and the target whose embedding and LM head it shares. */
export interface EagleHeadSources {
  readonly spec: EagleHeadSpec
  readonly head: TensorSource
  /** Tokens of the target that the head knows, rising [draftVocab]; all of them unless given. */
  readonly targetIds?: Int32Array
  readonly target: TargetModel
  /** The target's tensors: read for the LM head of an `eagle`. */
  readonly targetSource: TensorSource
}

export interface EagleHeadOptions {
  readonly executor: Executor
  readonly dtype: Dtype
  /** How many of the likeliest tokens a pass tells of. */
  readonly top: number
}

/** A head ready to run. Any number of texts share its weights. */
export interface EagleHeadModel {
  readonly spec: EagleHeadSpec
  /** Tokens it tells of, of those asked for: a head may know fewer. */
  readonly top: number
  readonly weightBytes: number
  /** A new, empty text of at most `capacity` pairs (the head's context unless given). */
  createText(capacity?: number): EagleText
  dispose(): Promise<void>
}

/** Reads the weights of a head and of what it shares with its target. Throws as the executor does. */
export async function loadEagleHead(
  { spec, head, targetIds, target, targetSource }: EagleHeadSources,
  { executor, dtype, top }: EagleHeadOptions,
): Promise<EagleHeadModel> {
  if ((targetIds?.length ?? spec.vocabSize) !== spec.draftVocabSize)
    throw new PacelineError(
      'argument',
      `the head knows ${spec.draftVocabSize} tokens, and ${targetIds?.length ?? 'all'} ids were given for them`,
    )
  const parted = await withColumns(head, 'fc.weight', joinedWidths(spec))
  const source = spec.kind === 'eagle' ? withTargetHead(parted, target, targetSource, targetIds) : parted
  const layer = await executor.compile(eagleGraph(spec, dtype, top), source)
  const rest = async (): Promise<[Executable | undefined, Embedding]> => [
    spec.kind === 'eagle3' ? await executor.compile(fuseGraph(spec, dtype), source) : undefined,
    head.infos.has('embed_tokens.weight') ? await openEmbedding(head, 'embed_tokens.weight') : target.embedding,
  ]
  const [fuse, embedding] = await rest().catch(async (error) => {
    await layer.dispose()
    throw error
  })
  return {
    spec,
    top: Math.min(top, spec.draftVocabSize),
    weightBytes: layer.weightBytes + (fuse?.weightBytes ?? 0),
    createText: (capacity = spec.contextLength) =>
      new EagleText({ spec, layer, embedding, ...(fuse && { fuse }), ...(targetIds && { targetIds }) }, capacity),
    async dispose() {
      await layer.dispose()
      await fuse?.dispose()
    },
  }
}
