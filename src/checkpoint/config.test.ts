import { describe, expect, test } from 'vitest'
import { applyGenerationConfig, parseConfig } from './config.ts'

/** What every configuration states; the rest is left to the defaults of its architecture. */
const sizes = {
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 3,
  num_attention_heads: 32,
  vocab_size: 1000,
}
const minimal = (model_type: string, fields: object = {}) => ({ model_type, ...sizes, ...fields })
const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

const common = {
  hiddenSize: 64,
  intermediateSize: 160,
  layerCount: 3,
  headCount: 32,
  vocabSize: 1000,
  normEps: 1e-6,
  rope: { theta: 10_000, scaling: { type: 'default' } },
  qkvBias: false,
  outputBias: false,
  mlpBias: false,
  qkNorm: false,
  tiedEmbeddings: false,
}

describe('a minimal configuration takes the defaults of transformers', () => {
  test('llama', () => {
    expect(parseConfig(minimal('llama'))).toEqual({
      ...common,
      architecture: 'llama',
      kvHeadCount: 32,
      headDim: 2,
      contextLength: 2048,
      windows: [null, null, null],
      bosTokenId: 1,
      eosTokenIds: [2],
    })
  })

  test('mistral', () => {
    expect(parseConfig(minimal('mistral'))).toEqual({
      ...common,
      architecture: 'mistral',
      kvHeadCount: 8,
      headDim: 2,
      contextLength: 131_072,
      windows: [4096, 4096, 4096],
      bosTokenId: 1,
      eosTokenIds: [2],
    })
  })

  test('qwen2', () => {
    expect(parseConfig(minimal('qwen2'))).toEqual({
      ...common,
      architecture: 'qwen2',
      kvHeadCount: 32,
      headDim: 2,
      contextLength: 32_768,
      qkvBias: true,
      windows: [null, null, null],
      bosTokenId: null,
      eosTokenIds: [],
    })
  })

  test('qwen3', () => {
    expect(parseConfig(minimal('qwen3'))).toEqual({
      ...common,
      architecture: 'qwen3',
      kvHeadCount: 32,
      headDim: 128,
      contextLength: 32_768,
      qkNorm: true,
      windows: [null, null, null],
      bosTokenId: null,
      eosTokenIds: [],
    })
  })
})

describe('fields mean what they mean in transformers', () => {
  const cases: [string, object, object][] = [
    [
      'attention_bias of llama is on q, k, v and o',
      minimal('llama', { attention_bias: true }),
      { qkvBias: true, outputBias: true, mlpBias: false },
    ],
    [
      'attention_bias of qwen3 is on q, k, v and o',
      minimal('qwen3', { attention_bias: true }),
      { qkvBias: true, outputBias: true },
    ],
    [
      'attention_bias is not read for mistral',
      minimal('mistral', { attention_bias: true }),
      { qkvBias: false, outputBias: false },
    ],
    ['mlp_bias', minimal('llama', { mlp_bias: true }), { mlpBias: true, qkvBias: false }],
    ['a head_dim of its own', minimal('llama', { head_dim: 10 }), { headDim: 10 }],
    ['null head_dim is the default', minimal('mistral', { head_dim: null }), { headDim: 2 }],
    ['null key-value heads are not grouped', minimal('mistral', { num_key_value_heads: null }), { kvHeadCount: 32 }],
    ['fewer key-value heads', minimal('llama', { num_key_value_heads: 4 }), { kvHeadCount: 4 }],
    ['tied embeddings', minimal('qwen2', { tie_word_embeddings: true }), { tiedEmbeddings: true }],
    ['several EOS tokens', minimal('llama', { eos_token_id: [5, 6, 5] }), { eosTokenIds: [5, 6] }],
    [
      'null special tokens are none',
      minimal('llama', { bos_token_id: null, eos_token_id: null }),
      { bosTokenId: null, eosTokenIds: [] },
    ],
    ['swish is another name of silu', minimal('llama', { hidden_act: 'swish' }), {}],
    ['pretraining_tp makes no difference', minimal('llama', { pretraining_tp: 8 }), {}],
    ['one expert is a dense model', minimal('llama', { num_local_experts: 1 }), {}],
    ['null quantization_config is none', minimal('llama', { quantization_config: null }), {}],
  ]
  test.each(cases)('%s', (_, config, expected) => {
    expect(parseConfig(config)).toMatchObject(expected)
  })
})

describe('sliding windows', () => {
  const slide = (type: string, fields: object) => parseConfig(minimal(type, fields)).windows
  const types = ['full_attention', 'sliding_attention', 'full_attention']

  test('llama has none, whatever the file says', () => {
    expect(slide('llama', { sliding_window: 16 })).toEqual([null, null, null])
  })
  test('mistral slides in every layer, and not at all when it is null', () => {
    expect(slide('mistral', { sliding_window: 16 })).toEqual([16, 16, 16])
    expect(slide('mistral', { sliding_window: null })).toEqual([null, null, null])
  })
  test('qwen slides from max_window_layers on, if it is told to', () => {
    const fields = { sliding_window: 16, max_window_layers: 1 }
    expect(slide('qwen2', fields)).toEqual([null, null, null])
    expect(slide('qwen2', { ...fields, use_sliding_window: true })).toEqual([null, 16, 16])
    expect(slide('qwen3', { ...fields, use_sliding_window: true })).toEqual([null, 16, 16])
    expect(slide('qwen3', { ...fields, use_sliding_window: true, sliding_window: null })).toEqual([null, null, null])
    expect(slide('qwen2', { use_sliding_window: true, max_window_layers: 0 })).toEqual([4096, 4096, 4096])
  })
  test('layer_types decide where they are given', () => {
    expect(slide('mistral', { sliding_window: 16, layer_types: types })).toEqual([null, 16, null])
    expect(slide('qwen3', { sliding_window: 16, use_sliding_window: true, layer_types: types })).toEqual([
      null,
      16,
      null,
    ])
  })
  test.each([
    [{ layer_types: ['full_attention'] }, 'checkpoint', 'expected 3 entries (num_hidden_layers), not 1'],
    [{ layer_types: 'full_attention' }, 'format', 'expected a list with one entry per layer'],
    [{ layer_types: ['full_attention', 'linear_attention', 'full_attention'] }, 'unsupported', 'linear_attention'],
    [{ layer_types: types }, 'checkpoint', 'expected only full_attention'],
    [{ use_sliding_window: true, sliding_window: 0 }, 'checkpoint', 'sliding_window is 0, expected an integer 1'],
    [{ max_window_layers: -1 }, 'checkpoint', 'max_window_layers is -1'],
  ])('refuses %j', (fields, code, message) => {
    expect(() => slide('qwen2', fields)).toThrow(error(code, message))
  })
})

describe('refuses models it cannot run, with code unsupported', () => {
  test.each([
    [{ model_type: 'gpt2' }, 'config.json: model_type is "gpt2", expected one of llama, mistral, qwen2, qwen3.'],
    [{ model_type: 'toString' }, 'model_type is "toString"'],
    [{ hidden_act: 'gelu' }, 'hidden_act is "gelu", expected silu'],
    [
      { quantization_config: { quant_method: 'gptq', bits: 4 } },
      'the weights are quantised (quantization_config, gptq)',
    ],
    [{ quantization_config: {} }, 'the weights are quantised'],
    [{ num_local_experts: 8 }, 'num_local_experts is 8'],
    [{ num_experts: 64 }, 'num_experts is 64'],
    [{ n_routed_experts: 64 }, 'n_routed_experts is 64'],
    [{ add_swa_attention_sink_bias: true }, 'add_swa_attention_sink_bias is true'],
    [{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor is 0.5'],
  ])('%j', (fields, message) => {
    expect(() => parseConfig(minimal('llama', fields))).toThrow(error('unsupported', message))
  })
})

describe('refuses values out of range, with code checkpoint', () => {
  test.each([
    [{ hidden_size: 0 }, 'config.json: hidden_size is 0, expected an integer 1 .. 131072.'],
    [{ hidden_size: 1e6 }, 'hidden_size is 1000000'],
    [{ hidden_size: 64.5 }, 'hidden_size is 64.5'],
    [{ intermediate_size: -1 }, 'intermediate_size is -1'],
    [{ num_hidden_layers: 1025 }, 'num_hidden_layers is 1025, expected an integer 1 .. 1024'],
    [{ vocab_size: 2 ** 24 + 1 }, 'vocab_size is 16777217'],
    [{ num_attention_heads: 7 }, 'num_attention_heads is 7, expected a divisor of hidden_size (64)'],
    [{ num_key_value_heads: 5 }, 'num_key_value_heads is 5, expected a divisor of num_attention_heads (32)'],
    [{ head_dim: 5 }, 'head_dim is 5, expected an even number'],
    [{ hidden_size: 96 }, 'head_dim is 3, expected an even number'],
    [{ max_position_embeddings: 0 }, 'max_position_embeddings is 0'],
    [{ rms_norm_eps: 0 }, 'rms_norm_eps is 0, expected a number between 0 and 1'],
    [{ rms_norm_eps: 1 }, 'rms_norm_eps is 1,'],
    [{ rope_theta: 0 }, 'rope_theta is 0, expected a number above 0'],
    [{ bos_token_id: 1000 }, 'bos_token_id is 1000, expected an integer 0 .. 999'],
    [{ eos_token_id: -1 }, 'eos_token_id is -1'],
    [{ eos_token_id: [2, 1000] }, 'eos_token_id is [2,1000], expected integers 0 .. 999'],
  ])('%j', (fields, message) => {
    expect(() => parseConfig(minimal('llama', fields))).toThrow(error('checkpoint', message))
  })
})

describe('refuses missing fields and wrong types, with code format', () => {
  test.each(Object.keys(sizes))('%s is required', (name) => {
    const fields = minimal('llama', { [name]: undefined })
    expect(() => parseConfig(fields)).toThrow(error('format', `config.json: ${name} is missing, expected an integer`))
  })
  test.each([
    [{ model_type: undefined }, 'model_type is missing, expected a string'],
    [{ hidden_size: '64' }, 'hidden_size is "64", expected an integer'],
    [{ attention_bias: 1 }, 'attention_bias is 1, expected true or false'],
    [{ hidden_act: 3 }, 'hidden_act is 3, expected a string'],
    [{ rms_norm_eps: 'small' }, 'rms_norm_eps is "small"'],
    [{ eos_token_id: '</s>' }, 'eos_token_id is "</s>"'],
    [{ rope_scaling: 'yarn' }, 'rope_scaling is "yarn", expected a JSON object'],
    [{ quantization_config: [] }, 'quantization_config is [], expected a JSON object'],
  ])('%j', (fields, message) => {
    expect(() => parseConfig(minimal('llama', fields))).toThrow(error('format', message))
  })
  test.each([[null], [[]], ['text'], [7]])('a file that is %j', (json) => {
    expect(() => parseConfig(json, 'models/a/config.json')).toThrow(
      error('format', 'models/a/config.json: the file is'),
    )
  })
  test('long values are cut in messages', () => {
    const fields = { hidden_size: 'x'.repeat(5000) }
    expect(() => parseConfig(minimal('llama', fields))).toThrow(/^.{0,200}$/)
  })
})

describe('generation_config.json', () => {
  const spec = parseConfig(minimal('llama', { bos_token_id: 10, eos_token_id: 11 }))
  test.each([
    [
      { bos_token_id: 20, eos_token_id: [21, 22] },
      { bosTokenId: 20, eosTokenIds: [21, 22] },
    ],
    [{ eos_token_id: 0 }, { bosTokenId: 10, eosTokenIds: [0] }],
    [
      { bos_token_id: null, eos_token_id: null, temperature: 0.6 },
      { bosTokenId: 10, eosTokenIds: [11] },
    ],
    [{}, { bosTokenId: 10, eosTokenIds: [11] }],
  ])('%j overrides config.json', (json, expected) => {
    expect(applyGenerationConfig(spec, json)).toEqual({ ...spec, ...expected })
  })
  test('is refused where it is wrong', () => {
    const apply = (json: unknown) => () => applyGenerationConfig(spec, json)
    expect(apply([])).toThrow(error('format', 'generation_config.json: the file is [], expected a JSON object'))
    expect(apply({ eos_token_id: [1000] })).toThrow(
      error('checkpoint', 'generation_config.json: eos_token_id is [1000]'),
    )
  })
})
