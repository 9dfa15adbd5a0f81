/** Rotary position embedding: how the rotation frequencies follow from theta, and how they are stretched for long contexts. */
export type RopeScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3'
      readonly factor: number
      readonly lowFreqFactor: number
      readonly highFreqFactor: number
      readonly originalContextLength: number
    }
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly originalContextLength: number
      readonly betaFast: number
      readonly betaSlow: number
      /** Multiplies cos and sin; derived from `factor` where the configuration does not give it. */
      readonly attentionFactor: number
      /** Rounds the bounds of the ramp between the two regimes outwards, to whole dimensions. */
      readonly truncate: boolean
    }

export interface RopeSpec {
  readonly theta: number
  readonly scaling: RopeScaling
}

/** The shape of a decoder-only transformer of the Llama family. Sizes count elements. */
export interface DecoderSpec {
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly layerCount: number
  readonly headCount: number
  readonly kvHeadCount: number
  readonly headDim: number
  readonly normEps: number
  readonly rope: RopeSpec
  /** Biases on the q, k and v projections (Qwen2). */
  readonly qkvBias: boolean
  /** A bias on the attention output projection (Llama with `attention_bias`). */
  readonly outputBias: boolean
  readonly mlpBias: boolean
  /** RMSNorm over each head of q and k before RoPE (Qwen3). */
  readonly qkNorm: boolean
  /** Per layer: how many newest keys a row sees, itself included; `null` sees all. */
  readonly windows: readonly (number | null)[]
}
