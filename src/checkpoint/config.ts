import { PacelineError } from '../errors.ts'
import type { DecoderSpec } from '../nn/index.ts'
import { Fields } from './fields.ts'
import { parseRope } from './rope.ts'
import type { ModelSpec } from './spec.ts'
import { mistralWindows, noWindows, qwenWindows, type Windows } from './windows.ts'

/** What sets one `model_type` apart: the defaults of absent fields, as in transformers, and the options it reads. */
interface Architecture {
  /** `null`: as many as query heads. */
  readonly kvHeadCount: number | null
  /** `null`: `hidden_size / num_attention_heads`. */
  readonly headDim: number | null
  readonly contextLength: number
  readonly bosTokenId: number | null
  readonly eosTokenIds: readonly number[]
  readonly qkNorm: boolean
  readonly biases: (config: Fields) => Pick<ModelSpec, 'qkvBias' | 'outputBias' | 'mlpBias'>
  readonly windows: (config: Fields, layerCount: number) => Windows
}

const llama: Architecture = {
  kvHeadCount: null,
  headDim: null,
  contextLength: 2048,
  bosTokenId: 1,
  eosTokenIds: [2],
  qkNorm: false,
  biases: (config) => ({ ...attentionBiases(config), mlpBias: config.boolean('mlp_bias', false) }),
  windows: noWindows,
}

const mistral: Architecture = {
  ...llama,
  kvHeadCount: 8,
  contextLength: 131_072,
  biases: () => ({ qkvBias: false, outputBias: false, mlpBias: false }),
  windows: mistralWindows,
}

const qwen2: Architecture = {
  kvHeadCount: 32,
  headDim: null,
  contextLength: 32_768,
  bosTokenId: null,
  eosTokenIds: [],
  qkNorm: false,
  biases: () => ({ qkvBias: true, outputBias: false, mlpBias: false }),
  windows: qwenWindows,
}

const qwen3: Architecture = {
  ...qwen2,
  headDim: 128,
  qkNorm: true,
  biases: (config) => ({ ...attentionBiases(config), mlpBias: false }),
}

const architectures: ReadonlyMap<string, Architecture> = new Map(Object.entries({ llama, mistral, qwen2, qwen3 }))

/** The values of `model_type` that `parseConfig` accepts. */
export const supportedArchitectures: readonly string[] = [...architectures.keys()]

function attentionBiases(config: Fields) {
  const bias = config.boolean('attention_bias', false)
  return { qkvBias: bias, outputBias: bias }
}

/**
 * Reads the content of a `config.json`, with the defaults transformers uses for absent fields. The five sizes every
 * configuration states (`hidden_size`, `intermediate_size`, `num_hidden_layers`, `num_attention_heads`, `vocab_size`)
 * are required. `file` names it in messages.
 * Throws code `format` for missing fields and wrong types, `checkpoint` for values out of range, `unsupported` for a
 * correct model that cannot run here.
 */
export function parseConfig(json: unknown, file = 'config.json'): ModelSpec {
  const config = new Fields(json, file)
  const architecture = config.string('model_type')
  const rules = architectures.get(architecture)
  if (rules === undefined)
    throw config.wrong('model_type', `one of ${supportedArchitectures.join(', ')}`, 'unsupported')
  refuseUnsupported(config)

  const vocabSize = config.integer('vocab_size', 1, 2 ** 24)
  const layerCount = config.integer('num_hidden_layers', 1, 1024)
  const contextLength = config.integer('max_position_embeddings', 1, 2 ** 27, rules.contextLength)
  return {
    architecture,
    hiddenSize: config.integer('hidden_size', 1, 131_072),
    intermediateSize: config.integer('intermediate_size', 1, 2 ** 20),
    layerCount,
    ...parseHeads(config, rules),
    vocabSize,
    contextLength,
    normEps: parseNormEps(config),
    rope: parseRope(config, contextLength),
    ...rules.biases(config),
    qkNorm: rules.qkNorm,
    windows: rules.windows(config, layerCount),
    tiedEmbeddings: config.boolean('tie_word_embeddings', false),
    bosTokenId: parseBos(config, vocabSize, rules.bosTokenId),
    eosTokenIds: parseEos(config, vocabSize, rules.eosTokenIds),
  }
}

/** The specification with the BOS and EOS tokens of a `generation_config.json`, which override its own. */
export function applyGenerationConfig(spec: ModelSpec, json: unknown, file = 'generation_config.json'): ModelSpec {
  const config = new Fields(json, file)
  return {
    ...spec,
    // Here null means "nothing to override", unlike in config.json.
    bosTokenId: parseBos(config, spec.vocabSize, spec.bosTokenId) ?? spec.bosTokenId,
    eosTokenIds: config.raw('eos_token_id') == null ? spec.eosTokenIds : parseEos(config, spec.vocabSize, []),
  }
}

export function parseNormEps(config: Fields): number {
  return config.number('rms_norm_eps', 'a number between 0 and 1', (eps) => eps > 0 && eps < 1, 1e-6)
}

/** Numbers of heads and their width; `rules` has the defaults of absent fields. Throws as `parseConfig` does. */
export function parseHeads(
  config: Fields,
  rules: Pick<Architecture, 'kvHeadCount' | 'headDim'>,
): Pick<DecoderSpec, 'headCount' | 'kvHeadCount' | 'headDim'> {
  const headCount = config.integer('num_attention_heads', 1, 8192)
  // Absent, it is the architecture's default; null is transformers' way to say "no grouping".
  const ungrouped = config.raw('num_key_value_heads') === null || rules.kvHeadCount === null
  const kvHeadCount = config.integer('num_key_value_heads', 1, 8192, ungrouped ? headCount : rules.kvHeadCount!)
  if (headCount % kvHeadCount !== 0)
    throw new PacelineError(
      'checkpoint',
      `${config.file}: num_key_value_heads is ${kvHeadCount}, expected a divisor of num_attention_heads (${headCount}).`,
    )

  const hiddenSize = config.integer('hidden_size', 1, 131_072)
  if (config.raw('head_dim') == null && rules.headDim === null && hiddenSize % headCount !== 0)
    throw config.wrong('num_attention_heads', `a divisor of hidden_size (${hiddenSize}), or head_dim to be given`)
  const headDim = config.integer('head_dim', 1, 4096, rules.headDim ?? hiddenSize / headCount)
  // RoPE rotates pairs.
  if (headDim % 2 !== 0)
    throw new PacelineError('checkpoint', `${config.file}: head_dim is ${headDim}, expected an even number.`)
  return { headCount, kvHeadCount, headDim }
}

/** `null` in the file means that there is no such token; absent, it is the fallback. */
function parseBos(config: Fields, vocabSize: number, fallback: number | null): number | null {
  const value = config.raw('bos_token_id')
  if (value === undefined) return fallback
  return value === null ? null : config.integer('bos_token_id', 0, vocabSize - 1)
}

/** One id or a list of ids; `null` means that nothing ends a text. */
function parseEos(config: Fields, vocabSize: number, fallback: readonly number[]): readonly number[] {
  const value = config.raw('eos_token_id')
  if (value === undefined) return fallback
  if (value === null) return []
  if (!Array.isArray(value)) return [config.integer('eos_token_id', 0, vocabSize - 1)]
  if (!value.every((id) => Number.isInteger(id) && id >= 0 && id < vocabSize))
    throw config.wrong('eos_token_id', `integers 0 .. ${vocabSize - 1}`)
  return [...new Set<number>(value)]
}

/** Weights that were quantised when they were stored, and activations other than SiLU. */
export function refuseForeignWeights(config: Fields): void {
  const quantization = config.object('quantization_config')
  if (quantization !== null)
    throw new PacelineError(
      'unsupported',
      `${config.file}: the weights are quantised (quantization_config, ${quantization.raw('quant_method')}). ` +
        'Use the original checkpoint: weights are quantised when they are loaded.',
    )

  const activation = config.string('hidden_act', 'silu')
  // Two names of one function.
  if (activation !== 'silu' && activation !== 'swish') throw config.wrong('hidden_act', 'silu', 'unsupported')
}

/** Fields that change what a model computes in ways that this library does not implement. */
function refuseUnsupported(config: Fields): void {
  refuseForeignWeights(config)
  for (const name of ['num_experts', 'num_local_experts', 'n_routed_experts'])
    if (config.integer(name, 0, 2 ** 20, 0) > 1)
      throw config.wrong(name, 'a dense model (mixtures of experts are not supported)', 'unsupported')

  for (const name of config.names())
    if (name.includes('attention_sink') && config.raw(name))
      throw config.wrong(name, 'no attention sinks (they are not supported)', 'unsupported')
}
