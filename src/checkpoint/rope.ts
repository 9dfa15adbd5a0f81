import type { RopeScaling, RopeSpec } from '../nn/spec.ts'
import type { Fields } from './fields.ts'

const supported = ['default', 'linear', 'llama3', 'yarn']

/**
 * The rotary position embedding of a configuration: `rope_scaling` beside `rope_theta` (transformers 4), or
 * `rope_parameters` which holds both (transformers 5).
 * Throws code `unsupported` for rope types other than default, linear, llama3 and yarn, and for partial rotation.
 */
export function parseRope(config: Fields, contextLength: number): RopeSpec {
  const parameters = config.object('rope_scaling') ?? config.object('rope_parameters')
  refusePartialRotation(config)
  const theta = config.positive('rope_theta', 10_000)
  if (parameters === null) return { theta, scaling: { type: 'default' } }

  refusePartialRotation(parameters)
  if (parameters.names().some((name) => name.endsWith('_attention')))
    throw parameters.wrong('full_attention', 'one set of rope parameters for all layers', 'unsupported')
  if (parameters.raw('mrope_section') !== undefined)
    throw parameters.wrong('mrope_section', 'plain text positions, without this field', 'unsupported')

  return { theta: parameters.positive('rope_theta', theta), scaling: parseScaling(config, parameters, contextLength) }
}

function parseScaling(config: Fields, parameters: Fields, contextLength: number): RopeScaling {
  // `type` is the older name of `rope_type`.
  const typeField = parameters.raw('rope_type') === undefined ? 'type' : 'rope_type'
  const type = parameters.string(typeField, 'default')
  const factor = () => parameters.number('factor', 'a number of at least 1', (value) => value >= 1 && value < Infinity)
  const originalContextLength = () => {
    const holder = parameters.raw('original_max_position_embeddings') == null ? config : parameters
    return holder.integer('original_max_position_embeddings', 1, 2 ** 27, contextLength)
  }
  switch (type) {
    case 'default':
      return { type }
    case 'linear':
      return { type, factor: factor() }
    case 'llama3': {
      const lowFreqFactor = parameters.positive('low_freq_factor')
      const highFreqFactor = parameters.positive('high_freq_factor')
      if (highFreqFactor <= lowFreqFactor)
        throw parameters.wrong('high_freq_factor', `more than low_freq_factor (${lowFreqFactor})`)
      return {
        type,
        factor: factor(),
        lowFreqFactor,
        highFreqFactor,
        originalContextLength: originalContextLength(),
      }
    }
    case 'yarn': {
      const betaFast = parameters.positive('beta_fast', 32)
      const betaSlow = parameters.positive('beta_slow', 1)
      if (betaFast < betaSlow) throw parameters.wrong('beta_fast', `at least beta_slow (${betaSlow})`)
      return {
        type,
        factor: factor(),
        originalContextLength: originalContextLength(),
        betaFast,
        betaSlow,
        attentionFactor: parameters.positive('attention_factor', yarnAttentionFactor(parameters, factor())),
        truncate: parameters.boolean('truncate', true),
      }
    }
    default:
      throw parameters.wrong(typeField, `one of ${supported.join(', ')}`, 'unsupported')
  }
}

/** YaRN, section 3.4: the attention temperature 0.1 ln(s) + 1. DeepSeek's pair `mscale` weighs its two occurrences. */
function yarnAttentionFactor(parameters: Fields, factor: number): number {
  const temperature = (weight: number) => 0.1 * weight * Math.log(factor) + 1
  const anyNumber = (name: string) => parameters.number(name, 'a number', Number.isFinite, 0)
  const mscale = anyNumber('mscale')
  const mscaleAllDim = anyNumber('mscale_all_dim')
  return mscale !== 0 && mscaleAllDim !== 0 ? temperature(mscale) / temperature(mscaleAllDim) : temperature(1)
}

function refusePartialRotation(fields: Fields): void {
  if (fields.number('partial_rotary_factor', 'a number', Number.isFinite, 1) !== 1)
    throw fields.wrong('partial_rotary_factor', '1 (partial rotation is not supported)', 'unsupported')
}
