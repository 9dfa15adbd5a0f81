import type { ExpectedTensor } from '../tensors.ts'

/**
 * What BiTA adds to a model that stays as it is (Lin et al. 2024, section 3.1): mask tokens, which ride along and say what
 * comes further on, and keys and values for each layer, which mask tokens see before all else.
 */
export interface BitaSpec {
  /** M: mask m (from 0) behind a token guesses the token m + 2 positions behind it. */
  readonly maskCount: number
  /** P: keys and values of each layer. */
  readonly prefixLength: number
  readonly hiddenSize: number
  readonly vocabSize: number
  readonly layerCount: number
  readonly kvHeadCount: number
  readonly headDim: number
}

/** Vectors [masks, hidden] that stand where a token's embedding would. */
export const maskTokensName = 'mask_tokens.weight'

/**
 * Keys and values [entries, 2 layers * kvHeads * headDim]: of each entry the keys of the first layer, its values, the keys of
 * the second, and so on.
 */
export const prefixName = 'prefix_encoder.embedding.weight'

/** Both tensors, under the names that the method's authors gave them. */
export function bitaTensors(spec: BitaSpec): ExpectedTensor[] {
  const width = 2 * spec.layerCount * spec.kvHeadCount * spec.headDim
  return [
    {
      name: maskTokensName,
      part: 'embedding',
      dimensions: [
        { size: spec.maskCount, field: 'mask_num' },
        { size: spec.hiddenSize, field: 'hidden_size' },
      ],
    },
    {
      name: prefixName,
      part: 'attention',
      dimensions: [
        { size: spec.prefixLength, field: 'prompt_num' },
        { size: width, field: '2 * num_hidden_layers * num_key_value_heads * head_dim' },
      ],
    },
  ]
}

/** Numbers that are trained, all of them. */
export function bitaParameters(spec: BitaSpec): number {
  return bitaTensors(spec).reduce((sum, { dimensions: [a, b] }) => sum + a.size * b.size, 0)
}
