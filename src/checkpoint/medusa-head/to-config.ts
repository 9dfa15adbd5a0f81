import type { MedusaSpec } from './spec.ts'

/**
 * The content of a config.json that `parseMedusaConfig` reads back as `spec`, with the fields of vLLM and those of the
 * authors. Of `lmHead` "target" an engine must know the target's matrix; one that looks for a copy finds none.
 */
export function toMedusaConfig(spec: MedusaSpec): Record<string, unknown> {
  return {
    architectures: ['MedusaModel'],
    model_type: 'medusa',
    hidden_size: spec.hiddenSize,
    vocab_size: spec.vocabSize,
    ...(spec.draftVocabSize < spec.vocabSize && { truncated_vocab_size: spec.draftVocabSize }),
    num_heads: spec.headCount,
    num_hidden_layers: spec.layerCount,
    medusa_num_heads: spec.headCount,
    medusa_num_layers: spec.layerCount,
    medusa_fc_bias: spec.bias,
    original_lm_head: spec.lmHead !== 'own',
    max_paths: 64,
    topk: 10,
  }
}
