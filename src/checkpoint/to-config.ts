import { isDeepStrictEqual } from 'node:util'
import { PacelineError } from '../errors.ts'
import type { RopeScaling } from '../nn/spec.ts'
import { parseConfig } from './config.ts'
import type { ModelSpec } from './spec.ts'

/**
 * The content of a config.json that `parseConfig` reads back as `spec`.
 * Throws code `argument` for a specification that no configuration of its architecture describes.
 */
export function toConfig(spec: ModelSpec): Record<string, unknown> {
  const config = {
    model_type: spec.architecture,
    hidden_act: 'silu',
    hidden_size: spec.hiddenSize,
    intermediate_size: spec.intermediateSize,
    num_hidden_layers: spec.layerCount,
    num_attention_heads: spec.headCount,
    num_key_value_heads: spec.kvHeadCount,
    head_dim: spec.headDim,
    vocab_size: spec.vocabSize,
    max_position_embeddings: spec.contextLength,
    rms_norm_eps: spec.normEps,
    rope_theta: spec.rope.theta,
    rope_scaling: ropeScaling(spec.rope.scaling),
    attention_bias: spec.outputBias,
    mlp_bias: spec.mlpBias,
    ...slidingWindow(spec),
    tie_word_embeddings: spec.tiedEmbeddings,
    bos_token_id: spec.bosTokenId,
    eos_token_id: spec.eosTokenIds,
  }
  const readBack = parseBack(config)
  // The clone has plain prototypes, like what the parser returns.
  for (const field of Object.keys(readBack) as (keyof ModelSpec)[])
    if (!isDeepStrictEqual(readBack[field], structuredClone(spec[field])))
      throw new PacelineError(
        'argument',
        `spec: ${field} is ${JSON.stringify(spec[field])}, ` +
          `but a ${spec.architecture} configuration can only say ${JSON.stringify(readBack[field])}.`,
      )
  return config
}

function parseBack(config: object): ModelSpec {
  try {
    return parseConfig(config, 'spec')
  } catch (cause) {
    throw new PacelineError('argument', (cause as Error).message, { cause })
  }
}

/** The field `rope_scaling`. */
export function ropeScaling(scaling: RopeScaling): Record<string, unknown> | null {
  switch (scaling.type) {
    case 'default':
      return null
    case 'linear':
      return { rope_type: 'linear', factor: scaling.factor }
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFreqFactor,
        high_freq_factor: scaling.highFreqFactor,
        original_max_position_embeddings: scaling.originalContextLength,
      }
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: scaling.factor,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        attention_factor: scaling.attentionFactor,
        truncate: scaling.truncate,
        original_max_position_embeddings: scaling.originalContextLength,
      }
  }
}

function slidingWindow({ windows }: ModelSpec): Record<string, unknown> {
  const window = windows.find((size) => size !== null) ?? null
  return {
    sliding_window: window,
    use_sliding_window: window !== null,
    layer_types: windows.map((size) => (size === null ? 'full_attention' : 'sliding_attention')),
  }
}
