import { describe, expect, test } from 'vitest'
import { parseEagleConfig } from './config.ts'
import type { EagleHeadSpec, EagleKind } from './spec.ts'
import { eagle3Spec, eagleSpec, publishedConfig } from './synthetic.ts'
import { toEagleConfig } from './to-config.ts'

const parsed = (kind: EagleKind, changes: object, layerCount = 8) =>
  parseEagleConfig({ ...publishedConfig(kind === 'eagle' ? eagleSpec : eagle3Spec), ...changes }, kind, layerCount)
const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

test('a published configuration says what its authors meant', () => {
  expect(parsed('eagle', {})).toEqual(eagleSpec)
  expect(parsed('eagle3', {})).toEqual(eagle3Spec)
})

describe('absent fields and other names', () => {
  test.each<[string, EagleKind, object, Partial<EagleHeadSpec>]>([
    ['without "bias" an eagle has one', 'eagle', {}, { fcBias: true }],
    ['"bias": false, as heads for Llama 3 say', 'eagle', { bias: false }, { fcBias: false }],
    ['eagle3 has no bias, whatever "bias" says', 'eagle3', { bias: true }, { fcBias: false }],
    ['as many key heads as heads', 'eagle', { num_key_value_heads: undefined }, { kvHeadCount: 4 }],
    ['the width of a head follows from the model', 'eagle', { num_attention_heads: 2 }, { headCount: 2, headDim: 16 }],
    ['"head_dim" comes before that', 'eagle3', { head_dim: 128 }, { headDim: 128 }],
    ['RoPE has base 10,000', 'eagle3', {}, { rope: { theta: 10_000, scaling: { type: 'default' } } }],
    ['"rope_theta"', 'eagle', { rope_theta: 500_000 }, { rope: { theta: 500_000, scaling: { type: 'default' } } }],
    [
      '"max_sequence_length" stands in',
      'eagle',
      { max_position_embeddings: undefined, max_sequence_length: 4096 },
      { contextLength: 4096 },
    ],
    ['and is second', 'eagle', { max_sequence_length: 4096 }, { contextLength: 2048 }],
    ['neither of them', 'eagle', { max_position_embeddings: undefined }, { contextLength: 2048 }],
    ['without "draft_vocab_size" all tokens', 'eagle3', { draft_vocab_size: undefined }, { draftVocabSize: 320 }],
    ['"target_hidden_size"', 'eagle3', { target_hidden_size: 96 }, { targetHiddenSize: 96, hiddenSize: 32 }],
    ['"norm_before_residual"', 'eagle3', { norm_before_residual: true }, { normBeforeResidual: true }],
    ['"qkv_bias"', 'eagle', { qkv_bias: true }, { qkvBias: true, outputBias: false }],
    ['"attention_bias"', 'eagle', { attention_bias: true }, { qkvBias: true, outputBias: true }],
    ['no "architectures"', 'eagle3', { architectures: undefined }, {}],
    ["an engine's name", 'eagle3', { architectures: ['LlamaForCausalLMEagle3'] }, {}],
    ["another engine's name", 'eagle3', { architectures: ['Eagle3LlamaForCausalLM'] }, {}],
    ["an engine's name", 'eagle', { architectures: ['LlamaForCausalLMEagle'] }, {}],
  ])('%s: %s', (_, kind, changes, expected) => {
    expect(parsed(kind, changes)).toEqual({ ...(kind === 'eagle' ? eagleSpec : eagle3Spec), ...expected })
  })
})

describe('layers whose outputs are fused', () => {
  const ids = (list: unknown, more: object = {}) => ({
    eagle_config: { eagle_aux_hidden_state_layer_ids: list, ...more },
  })
  test.each<[string, object, number, number[]]>([
    ['what enters layers 2, 16 and 29 of 32', {}, 32, [1, 15, 28]],
    ['half of an odd number is floored', {}, 33, [1, 15, 29]],
    ['the fewest layers of which there are three', {}, 7, [1, 2, 3]],
    ['named ones are outputs', ids([0, 3, 7]), 8, [0, 3, 7]],
    ['also with other fields beside them', ids([2], { use_aux_hidden_state: true }), 8, [2]],
    ['said to be outputs', ids([1, 3, 4], { aux_layer_convention: 'output' }), 8, [1, 3, 4]],
    ['said to be inputs', ids([2, 4, 8], { aux_layer_convention: 'input' }), 8, [1, 3, 7]],
    ['outside of eagle_config', { eagle_aux_hidden_state_layer_ids: [1, 2, 5] }, 8, [1, 2, 5]],
  ])('%s', (_, changes, layerCount, taps) => {
    expect(parsed('eagle3', changes, layerCount).taps).toEqual(taps)
  })

  test.each<[string, object, number, string]>([
    ['too few layers for the usual choice', {}, 6, 'for a target of 6 layers the usual choice'],
    ['very few layers', {}, 2, 'Name the layers whose outputs are fused'],
    ['not rising', ids([3, 1, 4]), 8, 'eagle_config.eagle_aux_hidden_state_layer_ids is [3,1,4], expected layers'],
    ['one twice', ids([1, 1, 4]), 8, 'rising'],
    ['beyond the target', ids([1, 3, 8]), 8, 'each 0 .. 7'],
    ['below 0', ids([-1, 3]), 8, 'each 0 .. 7'],
    ['the embedding as an input', ids([0, 3], { aux_layer_convention: 'input' }), 8, 'once 1 is subtracted'],
    ['none', ids([]), 8, 'a list of layers'],
    ['no list', ids('last'), 8, 'a list of layers'],
    ['text', ids(['1', '2']), 8, 'rising'],
    ['text of inputs', ids(['2', '4'], { aux_layer_convention: 'input' }), 8, 'rising'],
    ['another convention', ids([1], { aux_layer_convention: 'middle' }), 8, '"output" or "input"'],
  ])('refuses %s', (_, changes, layerCount, message) => {
    expect(() => parsed('eagle3', changes, layerCount)).toThrow(message)
  })
})

describe('fields of the layer together', () => {
  const { architectures: _, draft_vocab_size, ...layer } = publishedConfig(eagle3Spec)
  const speculators = (changes: object = {}, layerChanges: object = {}) => ({
    architectures: ['Eagle3Speculator'],
    speculators_model_type: 'eagle3',
    speculators_config: { algorithm: 'eagle3', verifier: { name_or_path: 'somewhere/target' } },
    draft_vocab_size,
    norm_before_residual: true,
    norm_before_fc: false,
    target_hidden_size: null,
    eagle_aux_hidden_state_layer_ids: null,
    transformer_layer_config: { ...layer, ...layerChanges },
    ...changes,
  })
  const wrapped = (changes: object = {}) => ({
    ...{ architectures: ['EAGLEModel'], model_type: 'eagle', truncated_vocab_size: 320 },
    model: publishedConfig(eagleSpec),
    ...changes,
  })

  test('as speculators writes them', () => {
    const spec = { ...eagle3Spec, normBeforeResidual: true }
    expect(parseEagleConfig(speculators(), 'eagle3', 8)).toEqual(spec)
    const named = speculators({ eagle_aux_hidden_state_layer_ids: [1, 4, 8] })
    expect(parseEagleConfig(named, 'eagle3', 8)).toEqual({ ...spec, taps: [0, 3, 7] })
    const outputs = { ...named, eagle_config: { aux_layer_convention: 'output' } }
    expect(() => parseEagleConfig(outputs, 'eagle3', 8)).toThrow('each 0 .. 7')
  })

  test('as vLLM wraps an EAGLE-1 head', () => {
    expect(parseEagleConfig(wrapped(), 'eagle', 8)).toEqual(eagleSpec)
    const plain = wrapped({ truncated_vocab_size: undefined, model: { ...publishedConfig(eagleSpec), bias: false } })
    expect(parseEagleConfig(plain, 'eagle', 8)).toEqual({ ...eagleSpec, fcBias: false })
  })

  test.each<[string, object, EagleKind, string, string]>([
    [
      'a missing one',
      speculators({}, { hidden_size: null }),
      'eagle3',
      'format',
      'transformer_layer_config.hidden_size',
    ],
    ['several layers', speculators({}, { num_hidden_layers: 2 }), 'eagle3', 'unsupported', 'num_hidden_layers is 2'],
    ['another head', speculators({ norm_before_fc: true }), 'eagle3', 'unsupported', 'norm_before_fc is true'],
    ['another kind', speculators(), 'eagle', 'checkpoint', 'architectures is ["Eagle3Speculator"]'],
    [
      'the embedding',
      speculators({ eagle_aux_hidden_state_layer_ids: [0, 2] }),
      'eagle3',
      'checkpoint',
      'enters layers',
    ],
    ['fewer tokens', wrapped({ truncated_vocab_size: 100 }), 'eagle', 'unsupported', 'truncated_vocab_size is 100'],
    ['no object', wrapped({ model: 'llama' }), 'eagle', 'format', 'model is "llama", expected a JSON object'],
  ])('refuses %s', (_, json, kind, code, message) => {
    expect(() => parseEagleConfig(json, kind, 8)).toThrow(error(code, message))
  })
})

describe('refuses', () => {
  test.each<[EagleKind, object, string, string]>([
    ['eagle', { architectures: ['LlamaForCausalLMEagle3'] }, 'checkpoint', 'there is no tensor "midlayer.hidden_norm'],
    ['eagle3', { architectures: ['LlamaForCausalLMEagle'] }, 'checkpoint', 'expected that of an EAGLE-3 head'],
    ['eagle', { architectures: ['MedusaModel'] }, 'unsupported', 'architectures is ["MedusaModel"]'],
    ['eagle', { architectures: 'LlamaForCausalLM' }, 'format', 'a list of names'],
    ['eagle', { num_hidden_layers: 2 }, 'unsupported', 'num_hidden_layers is 2, expected 1'],
    ['eagle', { hidden_act: 'gelu' }, 'unsupported', 'hidden_act'],
    ['eagle', { quantization_config: { quant_method: 'awq' } }, 'unsupported', 'quantised'],
    ['eagle3', { norm_before_fc: true }, 'unsupported', 'norm_before_fc is true, expected false'],
    ['eagle3', { fc_norm: true }, 'unsupported', 'fc_norm'],
    ['eagle3', { eagle_config: { use_aux_hidden_state: false } }, 'unsupported', 'eagle_config.use_aux_hidden_state'],
    ['eagle3', { eagle_config: { parallel_draft_step: 4 } }, 'unsupported', 'parallel_draft_step is 4, expected 1'],
    ['eagle3', { draft_vocab_size: 321 }, 'checkpoint', 'draft_vocab_size is 321, expected an integer 1 .. 320'],
    ['eagle', { hidden_size: undefined }, 'format', 'hidden_size is missing'],
    ['eagle', { hidden_size: 33 }, 'checkpoint', 'num_attention_heads is 4, expected a divisor of hidden_size (33)'],
  ])('%s with %o', (kind, changes, code, message) => {
    expect(() => parsed(kind, changes)).toThrow(error(code, message))
  })

  test('a specification that no configuration describes', () => {
    expect(() => toEagleConfig({ ...eagleSpec, qkNorm: true })).toThrow(error('argument', 'spec: qkNorm is true'))
    expect(() => toEagleConfig({ ...eagleSpec, taps: [1] })).toThrow(error('argument', 'spec: taps is [1]'))
    expect(() => toEagleConfig({ ...eagle3Spec, taps: [] })).toThrow(error('argument', 'spec: eagle_config.'))
    expect(() => toEagleConfig({ ...eagle3Spec, fcBias: true })).toThrow(error('argument', 'spec: fcBias is true'))
  })
})

test('a written configuration has the fields that other engines want', () => {
  expect(toEagleConfig(eagle3Spec)).toMatchObject({
    architectures: ['LlamaForCausalLMEagle3'],
    model_type: 'llama',
    num_hidden_layers: 1,
    head_dim: 8,
    rope_theta: 10_000,
    max_position_embeddings: 2048,
    vocab_size: 320,
    draft_vocab_size: 5,
    target_hidden_size: 32,
    tie_word_embeddings: false,
    eagle_config: { eagle_aux_hidden_state_layer_ids: [1, 3, 4], aux_layer_convention: 'output' },
  })
  expect(toEagleConfig(eagleSpec)).toMatchObject({ architectures: ['LlamaForCausalLM'], bias: true })
  expect(toEagleConfig({ ...eagleSpec, fcBias: false })).toMatchObject({ bias: false })
})
