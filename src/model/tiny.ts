import { expectedTensors, type ModelSpec, randomCheckpoint } from '../checkpoint/index.ts'
import { elementCount, type Tensor, type TensorSource } from '../tensor/index.ts'
import { memorySource } from '../tensor/memory.ts'

/** A specification and its weights, all in memory: what tests of everything above a model run on. */
export interface TinyModel {
  readonly spec: ModelSpec
  readonly tensors: Readonly<Record<string, Tensor<'f32'>>>
  readonly source: TensorSource
}

/**
 * A model of two small layers with the given fields changed. Its weights are far larger than those of a model before
 * training: attention prefers some positions clearly, gains and biases matter, logits are far apart, so that a mistake
 * anywhere shows in the output. Equal seeds give equal weights.
 */
export function tinyModel(fields: Partial<ModelSpec> = {}, seed = 1): TinyModel {
  const small = { hiddenSize: 32, intermediateSize: 48, headCount: 4, kvHeadCount: 2, headDim: 8, vocabSize: 64 }
  const { spec } = randomCheckpoint({ ...small, contextLength: 256, ...fields }, seed)
  const next = uniform(seed)
  const tensors: Record<string, Tensor<'f32'>> = {}
  for (const { name, dimensions } of expectedTensors(spec)) {
    const shape = dimensions.map(({ size }) => size)
    const [centre, spread] = distribution(name, shape)
    const data = Float32Array.from({ length: elementCount(shape) }, () => centre + spread * next())
    tensors[name] = { dtype: 'f32', shape, data }
  }
  return { spec, tensors, source: memorySource(tensors) }
}

/** Everything in which models of the Llama family differ, by name: fields for `tinyModel`. */
export const tinyVariants: Readonly<Record<string, Partial<ModelSpec>>> = {
  'key heads shared by two query heads': {},
  'a key head per query head': { kvHeadCount: 4 },
  'one key head for all': { kvHeadCount: 1 },
  'biases on q, k and v (Qwen2)': { architecture: 'qwen2', qkvBias: true },
  'biases on all projections': { qkvBias: true, outputBias: true, mlpBias: true },
  'norms of q and k, wide heads (Qwen3)': { architecture: 'qwen3', qkNorm: true, headDim: 12 },
  'tied embeddings': { tiedEmbeddings: true },
  'linear rope': { rope: { theta: 1000, scaling: { type: 'linear', factor: 2 } } },
  'llama3 rope': {
    rope: {
      theta: 1000,
      scaling: { type: 'llama3', factor: 4, lowFreqFactor: 1, highFreqFactor: 4, originalContextLength: 64 },
    },
  },
  'YaRN rope': {
    rope: {
      theta: 1000,
      scaling: {
        type: 'yarn',
        factor: 4,
        originalContextLength: 64,
        betaFast: 8,
        betaSlow: 1,
        attentionFactor: 1.2,
        truncate: true,
      },
    },
  },
  'sliding windows (Mistral)': { architecture: 'mistral', windows: [3, 3] },
  'a sliding window in one layer': { architecture: 'mistral', windows: [null, 4] },
}

/** Centre and spread of a tensor's values. */
function distribution(name: string, [, inputs]: readonly number[]): [number, number] {
  if (name.endsWith('norm.weight')) return [1, 0.5]
  if (name.endsWith('.bias') || name === 'model.embed_tokens.weight' || name === 'lm_head.weight') return [0, 1]
  return [0, 2.5 / Math.sqrt(inputs)]
}

/** Numbers in [-1, 1): mulberry32. */
function uniform(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 31 - 1
  }
}
