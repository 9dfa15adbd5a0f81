import { parseHeads, parseNormEps, refuseForeignWeights } from '../config.ts'
import { Fields } from '../fields.ts'
import { parseRope } from '../rope.ts'
import type { EagleHeadSpec, EagleKind } from './spec.ts'
import { parseTaps } from './taps.ts'

/**
 * Reads the content of a head's `config.json`, which does not say of what kind the head is: its tensors do. Absent fields
 * have the defaults of those who published such heads; none is taken from the target, whose `targetLayerCount` only says
 * where the usual taps are.
 * Throws code `format` for missing fields and wrong types, `checkpoint` for values out of range or those of another kind
 * of head, `unsupported` for a correct head that cannot run here.
 */
export function parseEagleConfig(
  json: unknown,
  kind: EagleKind,
  targetLayerCount: number,
  file = 'config.json',
): EagleHeadSpec {
  const config = new Fields(json, file)
  const layer = layerOf(config)
  requireArchitecture(config, kind)
  refuseForeignWeights(config)
  if (layer !== config) refuseForeignWeights(layer)
  refuseVariants(config, layer, kind)

  const vocabSize = layer.integer('vocab_size', 1, 2 ** 24)
  const hiddenSize = layer.integer('hidden_size', 1, 131_072)
  // EAGLE's 33B head has the second name.
  const contextField = layer.raw('max_position_embeddings') == null ? 'max_sequence_length' : 'max_position_embeddings'
  const contextLength = layer.integer(contextField, 1, 2 ** 27, 2048)
  const outputBias = layer.boolean('attention_bias', false)
  const isEagle3 = kind === 'eagle3'
  return {
    kind,
    hiddenSize,
    intermediateSize: layer.integer('intermediate_size', 1, 2 ** 20),
    layerCount: 1,
    ...parseHeads(layer, { kvHeadCount: null, headDim: null }),
    normEps: parseNormEps(layer),
    rope: parseRope(layer, contextLength),
    // `qkv_bias` is EAGLE's own field, for targets such as Qwen2; the other is that of transformers.
    qkvBias: outputBias || layer.boolean('qkv_bias', false),
    outputBias,
    mlpBias: layer.boolean('mlp_bias', false),
    qkNorm: false,
    windows: [null],
    vocabSize,
    targetHiddenSize: isEagle3 ? config.integer('target_hidden_size', 1, 131_072, hiddenSize) : hiddenSize,
    contextLength,
    // The first heads were published without the field, and with a bias.
    fcBias: !isEagle3 && layer.boolean('bias', true),
    taps: isEagle3 ? parseTaps(config, targetLayerCount) : [],
    draftVocabSize: config.integer('draft_vocab_size', 1, vocabSize, vocabSize),
    normBeforeResidual: isEagle3 && config.boolean('norm_before_residual', false),
  }
}

/**
 * The fields of the decoder layer: the file's own, or where they are together, as speculators writes them (beside what the head
 * adds) and vLLM's wrapper of EAGLE-1 heads.
 */
function layerOf(config: Fields): Fields {
  const wrapped = config.object('model')
  const truncated = wrapped && config.raw('truncated_vocab_size')
  if (truncated != null && truncated !== wrapped!.raw('vocab_size'))
    throw config.wrong('truncated_vocab_size', 'model.vocab_size (other heads are not supported)', 'unsupported')
  return wrapped ?? config.object('transformer_layer_config') ?? config
}

/** Official heads of both kinds call themselves by the architecture of a model; an engine's name says the kind. */
function requireArchitecture(config: Fields, kind: EagleKind): void {
  const value = config.raw('architectures') ?? []
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string'))
    throw config.wrong('architectures', 'a list of names', 'format')
  for (const name of value as string[]) {
    const named = /eagle-?3/i.test(name) ? 'eagle3' : /eagle/i.test(name) ? 'eagle' : kind
    if (named !== kind)
      throw config.wrong(
        'architectures',
        kind === 'eagle3'
          ? 'that of an EAGLE-3 head, for there is a tensor "midlayer.hidden_norm.weight"'
          : 'that of an EAGLE-1 or EAGLE-2 head, for there is no tensor "midlayer.hidden_norm.weight"',
      )
    if (!/eagle|forcausallm/i.test(name)) throw config.wrong('architectures', 'that of an EAGLE head', 'unsupported')
  }
}

/** Options by which some trainers change what a head computes, with the only value that runs here. */
const variants: readonly (readonly [field: string, value: unknown])[] = [
  ['norm_before_fc', false],
  ['fc_norm', false],
  ['norm_output', false],
]
const nestedVariants: readonly (readonly [field: string, value: unknown])[] = [
  ...variants,
  ['use_aux_hidden_state', true],
  ['use_input_layernorm_in_first_layer', true],
  ['use_last_layernorm', true],
  ['use_mtp_layernorm', false],
  ['parallel_draft_step', 1],
]

function refuseVariants(config: Fields, layer: Fields, kind: EagleKind): void {
  if (layer.integer('num_hidden_layers', 1, 1024, 1) !== 1)
    throw layer.wrong('num_hidden_layers', '1 (heads of several layers are not supported)', 'unsupported')
  const refuse = (fields: Fields, name: string, value: unknown) => {
    if ((fields.raw(name) ?? value) !== value)
      throw fields.wrong(name, `${value} (other heads are not supported)`, 'unsupported')
  }
  for (const [name, value] of variants) refuse(config, name, value)
  const nested = kind === 'eagle3' ? config.object('eagle_config') : null
  if (nested !== null) for (const [name, value] of nestedVariants) refuse(nested, name, value)
}
