import { Fields } from '../fields.ts'
import type { ModelSpec } from '../spec.ts'
import type { BitaSpec } from './spec.ts'

/** More than anyone trains of either. */
const most = 4096

/**
 * Reads the content of a `config.json`: the fields of the method's authors (`mask_num`, `prompt_num`, ..), and for the shape
 * those of a model; what it does not say of the shape is the target's. Throws code `format` for missing fields and wrong
 * types, `checkpoint` for values out of range, `unsupported` for ways of the method that cannot run here.
 */
export function parseBitaConfig(json: unknown, target: ModelSpec, file = 'config.json'): BitaSpec {
  const config = new Fields(json, file)
  if (!config.boolean('mask_diff', true)) throw config.wrong('mask_diff', 'true, a vector for each mask', 'unsupported')
  if (config.boolean('prefix_projection', false))
    throw config.wrong('prefix_projection', 'false, keys and values as they are', 'unsupported')
  return {
    maskCount: config.integer('mask_num', 1, most),
    prefixLength: config.integer('prompt_num', 1, most),
    hiddenSize: config.integer('hidden_size', 1, 131_072, target.hiddenSize),
    vocabSize: config.integer('vocab_size', 1, 2 ** 24, target.vocabSize),
    layerCount: config.integer('num_hidden_layers', 1, 1024, target.layerCount),
    kvHeadCount: config.integer('num_key_value_heads', 1, 1024, target.kvHeadCount),
    headDim: config.integer('head_dim', 1, 4096, target.headDim),
  }
}

/** The content of a config.json that `parseBitaConfig` reads back as `spec`. */
export function toBitaConfig(spec: BitaSpec): Record<string, unknown> {
  return {
    model_type: 'bita',
    finetuning_type: 'pt2',
    mask_num: spec.maskCount,
    mask_diff: true,
    prompt_num: spec.prefixLength,
    prefix_projection: false,
    hidden_size: spec.hiddenSize,
    vocab_size: spec.vocabSize,
    num_hidden_layers: spec.layerCount,
    num_key_value_heads: spec.kvHeadCount,
    head_dim: spec.headDim,
  }
}
