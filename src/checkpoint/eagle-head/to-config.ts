import { isDeepStrictEqual } from 'node:util'
import { PacelineError } from '../../errors.ts'
import { ropeScaling } from '../to-config.ts'
import { parseEagleConfig } from './config.ts'
import type { EagleHeadSpec } from './spec.ts'

/**
 * The content of a head's config.json, with the fields that other engines want, that `parseEagleConfig` reads back as
 * `spec`. Throws code `argument` for a specification that no configuration describes.
 */
export function toEagleConfig(spec: EagleHeadSpec): Record<string, unknown> {
  const config = { ...layerFields(spec), ...(spec.kind === 'eagle' ? eagleFields(spec) : eagle3Fields(spec)) }
  const readBack = parseBack(config, spec)
  // The clone has plain prototypes, like what the parser returns.
  for (const field of Object.keys(readBack) as (keyof EagleHeadSpec)[])
    if (!isDeepStrictEqual(readBack[field], structuredClone(spec[field])))
      throw new PacelineError(
        'argument',
        `spec: ${field} is ${JSON.stringify(spec[field])}, ` +
          `but the configuration of an ${spec.kind} head can only say ${JSON.stringify(readBack[field])}.`,
      )
  return config
}

function layerFields(spec: EagleHeadSpec): Record<string, unknown> {
  return {
    architectures: [spec.kind === 'eagle' ? 'LlamaForCausalLM' : 'LlamaForCausalLMEagle3'],
    model_type: 'llama',
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
    qkv_bias: spec.qkvBias,
    mlp_bias: spec.mlpBias,
    tie_word_embeddings: false,
  }
}

/** A head of the first kind that knows few tokens is ours alone: others do not look for the field. */
function eagleFields({ fcBias, draftVocabSize, vocabSize }: EagleHeadSpec): Record<string, unknown> {
  return { bias: fcBias, ...(draftVocabSize < vocabSize && { draft_vocab_size: draftVocabSize }) }
}

function eagle3Fields(spec: EagleHeadSpec): Record<string, unknown> {
  return {
    draft_vocab_size: spec.draftVocabSize,
    target_hidden_size: spec.targetHiddenSize,
    norm_before_residual: spec.normBeforeResidual,
    eagle_config: {
      eagle_aux_hidden_state_layer_ids: spec.taps,
      aux_layer_convention: 'output',
      use_aux_hidden_state: true,
    },
  }
}

function parseBack(config: object, { kind, taps }: EagleHeadSpec): EagleHeadSpec {
  try {
    return parseEagleConfig(config, kind, Math.max(0, ...taps) + 1, 'spec')
  } catch (cause) {
    throw new PacelineError('argument', (cause as Error).message, { cause })
  }
}
