import type { Dtype, ModelSpec } from '../checkpoint/index.ts'
import type { Executable, Executor } from '../runtime/index.ts'
import type { TensorSource } from '../tensor/index.ts'
import { type Embedding, openEmbedding } from './embedding.ts'
import { headGraph, trunkGraph } from './graphs.ts'
import { Target } from './target.ts'

export interface LoadOptions {
  readonly executor: Executor
  /** How weights are stored and multiplied; `int4` by the recipe of the specification. */
  readonly dtype: Dtype
  /** Layers (from 0) whose outputs can be asked for; none unless given. What no pass asks for is not copied. */
  readonly taps?: readonly number[] | 'all'
  /** How many of the likeliest tokens of a row can be asked for, with their probabilities; none unless given. */
  readonly top?: number
  /** Called as weights are read: the share done, from 0 to 1. */
  readonly onProgress?: (share: number) => void
  readonly signal?: AbortSignal
}

/** A model's weights, ready to run. Any number of targets (texts in the making) share them. */
export interface TargetModel {
  readonly spec: ModelSpec
  readonly dtype: Dtype
  readonly executor: string
  /** Bytes of the weights as they are kept: trunk, head, and the embedding table where it is in memory. */
  readonly weightBytes: number
  /** Bytes of the weights that every forward pass reads. */
  readonly streamedBytes: number
  /** How many of the likeliest tokens of a row can be asked for. */
  readonly top: number
  /** Of its tokens: heads that draft for it read the same vectors. */
  readonly embedding: Embedding
  /** A new, empty text of at most `capacity` positions (the model's context unless given). */
  createTarget(capacity?: number): Target
  dispose(): Promise<void>
}

export async function loadTargetModel(
  spec: ModelSpec,
  source: TensorSource,
  options: LoadOptions,
): Promise<TargetModel> {
  const { executor, dtype, top = 0, onProgress, signal } = options
  const taps = options.taps === 'all' ? [...spec.windows.keys()] : (options.taps ?? [])
  const headWeights = spec.vocabSize * spec.hiddenSize
  const total = [...source.infos.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const trunkShare = Math.max(0, 1 - headWeights / total)
  const part = (from: number, share: number) => ({
    ...(onProgress && { onProgress: (done: number, all: number) => onProgress(from + (share * done) / all) }),
    ...(signal && { signal }),
  })
  const trunk = await executor.compile(trunkGraph(spec, dtype, taps), source, part(0, trunkShare))
  const rest = async (): Promise<[Executable, Embedding]> => {
    const head = await executor.compile(headGraph(spec, dtype, top), source, part(trunkShare, 1 - trunkShare))
    return [head, await openEmbedding(source, 'model.embed_tokens.weight')]
  }
  const [head, embedding] = await rest().catch(async (error) => {
    await trunk.dispose()
    throw error
  })
  return {
    spec,
    dtype,
    executor: executor.name,
    top: Math.min(top, spec.vocabSize),
    embedding,
    streamedBytes: trunk.weightBytes + head.weightBytes,
    weightBytes: trunk.weightBytes + head.weightBytes + embedding.bytes,
    createTarget: (capacity = spec.contextLength) => new Target(spec, { trunk, head, embedding, taps, top }, capacity),
    async dispose() {
      await trunk.dispose()
      await head.dispose()
    },
  }
}
