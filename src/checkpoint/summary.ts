import type { Precision } from '../graph/index.ts'
import { bytesPerElement, elementCount, int4GroupCount, type TensorSource } from '../tensor/index.ts'
import { type Dtype, dtypes, precisionOf } from './recipe.ts'
import type { ModelSpec } from './spec.ts'
import { expectedTensors, type Part } from './tensors.ts'

/** How large a model is. */
export interface CheckpointSummary {
  /** Learned numbers by part, biases included. A tied head is the embedding table and counts as 0. */
  readonly parameters: Readonly<Record<Part | 'total', number>>
  /** Bytes of the model's tensors in their files. */
  readonly storedBytes: number
  /** Bytes of all weights in memory, by the format of the linear ones. */
  readonly loadedBytes: Readonly<LinearBytes>
  /** Bytes of weights that a forward pass reads: all but the embedding table, of which it copies a row per token. */
  readonly streamedBytes: Readonly<LinearBytes>
  /** Bytes that one token adds to the cache of keys and values, in f32. */
  readonly cacheBytesPerToken: number
}

type LinearBytes = Record<Dtype, number>

/**
 * Summarises a validated checkpoint, reading no tensor data. In memory, linear weights (the head included) take the
 * chosen format; embeddings, norms and biases stay as stored. A tied head counts: it is packed apart from the table.
 */
export function describeCheckpoint(spec: ModelSpec, source: TensorSource): CheckpointSummary {
  const parameters = { embedding: 0, attention: 0, mlp: 0, norm: 0, head: 0, total: 0 }
  const loadedBytes: LinearBytes = { f32: 0, int8: 0, int4: 0, 'int4-pure': 0 }
  const streamedBytes: LinearBytes = { ...loadedBytes }
  const add = (bytesIn: (dtype: Dtype) => number, streamed = true) => {
    for (const dtype of dtypes) {
      loadedBytes[dtype] += bytesIn(dtype)
      if (streamed) streamedBytes[dtype] += bytesIn(dtype)
    }
  }
  const linear = (tensor: string, outputs: number, inputs: number) => (dtype: Dtype) =>
    linearBytes[precisionOf(tensor, dtype, spec.recipe)](outputs, inputs)

  let storedBytes = 0
  for (const { name, part, dimensions } of expectedTensors(spec)) {
    const [outputs, inputs = 0] = dimensions.map(({ size }) => size)
    const count = elementCount(dimensions.map(({ size }) => size))
    parameters[part] += count
    parameters.total += count
    const stored = count * bytesPerElement(source.infos.get(name)!.dtype!)
    storedBytes += stored
    const isLinear = dimensions.length === 2 && part !== 'embedding'
    add(isLinear ? linear(name, outputs, inputs) : () => stored, part !== 'embedding')
  }
  if (spec.tiedEmbeddings) add(linear('lm_head.weight', spec.vocabSize, spec.hiddenSize))

  const cacheBytesPerToken = spec.layerCount * 2 * spec.kvHeadCount * spec.headDim * 4
  return { parameters, storedBytes, loadedBytes, streamedBytes, cacheBytesPerToken }
}

const linearBytes: Record<Precision, (outputs: number, inputs: number) => number> = {
  f32: (outputs, inputs) => outputs * inputs * 4,
  int8: (outputs, inputs) => outputs * (inputs + 4), // an f32 scale per output
  int4: (outputs, inputs) => outputs * int4GroupCount(inputs) * (64 + 2), // groups of 128 inputs, each with an f16 scale
}
