import { Fields } from '../fields.ts'
import type { ModelSpec } from '../spec.ts'
import { type AdapterSpec, linearModules } from './spec.ts'

export const adapterConfigFile = 'adapter_config.json'

/** The layers of a decoder layer that "all-linear" names: all but the head. */
const decoderLinear = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']

const absent = (value: unknown) =>
  (value ?? false) === false || (typeof value === 'object' && Object.keys(value as object).length === 0)

/** What would make another model of the same tensors: fields, what is fine, and what to say. */
const limits: readonly (readonly [field: string, isFine: (value: unknown) => boolean, expected: string])[] = [
  ['bias', (value) => absent(value) || value === 'none', '"none"'],
  ['use_dora', absent, 'false, no magnitudes beside the matrices'],
  ['lora_bias', absent, 'false'],
  ['fan_in_fan_out', absent, 'false, matrices [outputs, inputs]'],
  ['use_qalora', absent, 'false'],
  ['rank_pattern', absent, 'no ranks of single layers'],
  ['alpha_pattern', absent, 'no alphas of single layers'],
  ['modules_to_save', absent, 'none. Merge them into the base model first'],
  ['trainable_token_indices', absent, 'none'],
  ['target_parameters', absent, 'none'],
  ['layer_replication', absent, 'none'],
  ['alora_invocation_tokens', absent, 'none: it acts on all of a text'],
  [
    'init_lora_weights',
    (value) => !(typeof value === 'string' && /^(pissa|olora|corda|loftq)/i.test(value)),
    'a way that leaves the base model as it is. Convert the adapter to plain LoRA when saving it',
  ],
]

/**
 * Reads the content of an `adapter_config.json` as PEFT writes it, of an adapter of a model of this specification. Throws
 * code `format` for missing fields and wrong types, `checkpoint` for values out of range or layers that the model does not
 * have, `unsupported` for adapters that cannot run here.
 */
export function parseAdapterConfig(json: unknown, base: ModelSpec, file = adapterConfigFile): AdapterSpec {
  const config = new Fields(json, file)
  if (config.string('peft_type') !== 'LORA') throw config.wrong('peft_type', '"LORA"', 'unsupported')
  for (const [field, isFine, expected] of limits)
    if (!isFine(config.raw(field))) throw config.wrong(field, expected, 'unsupported')
  return {
    rank: config.integer('r', 1, 65_536),
    alpha: config.positive('lora_alpha'),
    rankStabilised: config.boolean('use_rslora', false),
    modules: targetModules(config, base),
  }
}

/** The base model that the content of an `adapter_config.json` names. Throws code `format`. */
export function baseModelOf(json: unknown, file = adapterConfigFile): string {
  return new Fields(json, file).string('base_model_name_or_path')
}

/** The content of an adapter_config.json, which PEFT reads too, of an adapter of a base model: its specification and its name. */
export function toAdapterConfig(adapter: AdapterSpec, spec: ModelSpec, base: string): Record<string, unknown> {
  const names = [...new Set(adapter.modules.map((module) => module.slice(module.lastIndexOf('.') + 1)))]
  // Short names are those of every layer.
  const isWhole = linearModules(spec).filter(({ name }) => namesOne(names)(name)).length === adapter.modules.length
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: base,
    r: adapter.rank,
    lora_alpha: adapter.alpha,
    lora_dropout: 0,
    use_rslora: adapter.rankStabilised,
    target_modules: isWhole ? names : adapter.modules,
    bias: 'none',
    fan_in_fan_out: false,
    modules_to_save: null,
    inference_mode: true,
  }
}

/** An adapter of all linear layers but the head. */
export function wholeAdapter(base: ModelSpec, { rank, alpha }: Pick<AdapterSpec, 'rank' | 'alpha'>): AdapterSpec {
  const modules = linearModules(base).map(({ name }) => name)
  return { rank, alpha, rankStabilised: false, modules: modules.filter(namesOne(decoderLinear)) }
}

/** Which layers `target_modules` names, less those of `exclude_modules` and those not in `layers_to_transform`. */
function targetModules(config: Fields, base: ModelSpec): string[] {
  const names = linearModules(base).map(({ name }) => name)
  const named = matcher(config, 'target_modules')
  for (const [name, what] of [
    ['model.embed_tokens', 'the embedding table'],
    ['lm_head', 'a head that is the embedding table'],
  ] as const)
    if (config.raw('target_modules') !== 'all-linear' && named(name) && !names.includes(name))
      throw config.wrong('target_modules', `linear layers, not ${what}`, 'unsupported')
  const excluded = absent(config.raw('exclude_modules')) ? () => false : matcher(config, 'exclude_modules')
  const inLayers = layersOf(config)
  const modules = names.filter((name) => named(name) && !excluded(name) && inLayers(name))
  if (modules.length === 0)
    throw config.wrong('target_modules', `layers of the base model, such as ${decoderLinear.slice(0, 2).join(' or ')}`)
  return modules
}

/** A list of names, or of the ends of paths; a regular expression of the whole path; or "all-linear". */
function matcher(config: Fields, field: string): (module: string) => boolean {
  const value = config.raw(field)
  if (value === 'all-linear') return namesOne(decoderLinear)
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return namesOne(value)
  if (typeof value !== 'string') throw config.wrong(field, 'a list of names of layers, or a string', 'format')
  try {
    const pattern = new RegExp(`^(?:${value})$`)
    return (module) => pattern.test(module)
  } catch {
    throw config.wrong(field, 'a list of names of layers, or a regular expression', 'unsupported')
  }
}

function namesOne(names: readonly string[]): (module: string) => boolean {
  return (module) => names.some((name) => module === name || module.endsWith(`.${name}`))
}

function layersOf(config: Fields): (module: string) => boolean {
  const value = config.raw('layers_to_transform') ?? null
  if (value === null) return () => true
  const layers: unknown[] = Array.isArray(value) ? value : [value]
  if (!layers.every(Number.isInteger)) throw config.wrong('layers_to_transform', 'numbers of layers', 'format')
  return (module) => layers.includes(Number(/^model\.layers\.(\d+)\./.exec(module)?.[1] ?? Number.NaN))
}
