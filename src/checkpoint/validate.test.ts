import { describe, expect, test } from 'vitest'
import type { TensorInfo, TensorSource } from '../tensor/index.ts'
import { randomTensors } from './random.ts'
import { shapeSpec } from './shapes.ts'
import type { ModelSpec } from './spec.ts'
import { expectedTensors } from './tensors.ts'
import { validateTensors } from './validate.ts'

const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

/** The tensors of a specification as if stored in a file, with some changed, added, or (null) removed. */
function stored(spec: ModelSpec, changes: Record<string, Partial<TensorInfo> | null> = {}): TensorSource {
  const source = randomTensors(spec, 1)
  const infos = new Map<string, TensorInfo>()
  for (const info of source.infos.values()) infos.set(info.name, { ...info, file: 'model.safetensors' })
  for (const [name, change] of Object.entries(changes)) {
    const info = infos.get(name) ?? { name, dtype: 'f32', shape: [1], file: 'model.safetensors' }
    if (change === null) infos.delete(name)
    else infos.set(name, { ...info, ...change })
  }
  return { ...source, infos }
}

const spec = shapeSpec({ layerCount: 4, hiddenSize: 256, intermediateSize: 896 })

describe('the tensors of an architecture', () => {
  const shapesOf = (fields: Partial<ModelSpec>, layer: string) => {
    const shapes: Record<string, number[]> = {}
    for (const { name, dimensions } of expectedTensors(shapeSpec(fields)))
      if (name.startsWith(layer)) shapes[name.slice(layer.length)] = dimensions.map(({ size }) => size)
    return shapes
  }
  const layer0 = {
    'input_layernorm.weight': [64],
    'self_attn.q_proj.weight': [64, 64],
    'self_attn.k_proj.weight': [32, 64],
    'self_attn.v_proj.weight': [32, 64],
    'self_attn.o_proj.weight': [64, 64],
    'post_attention_layernorm.weight': [64],
    'mlp.gate_proj.weight': [176, 64],
    'mlp.up_proj.weight': [176, 64],
    'mlp.down_proj.weight': [64, 176],
  }

  test('a llama layer', () => {
    expect(shapesOf({}, 'model.layers.0.')).toEqual(layer0)
  })
  test('a qwen2 layer has biases on q, k and v', () => {
    expect(shapesOf({ architecture: 'qwen2', qkvBias: true }, 'model.layers.1.')).toEqual({
      ...layer0,
      'self_attn.q_proj.bias': [64],
      'self_attn.k_proj.bias': [32],
      'self_attn.v_proj.bias': [32],
    })
  })
  test('a qwen3 layer has norms over the heads of q and k, and heads wider than the model', () => {
    expect(shapesOf({ architecture: 'qwen3', qkNorm: true, headDim: 128 }, 'model.layers.0.self_attn.')).toEqual({
      'q_proj.weight': [512, 64],
      'k_proj.weight': [256, 64],
      'v_proj.weight': [256, 64],
      'q_norm.weight': [128],
      'k_norm.weight': [128],
      'o_proj.weight': [64, 512],
    })
  })
  test('a llama layer with every bias', () => {
    expect(shapesOf({ qkvBias: true, outputBias: true, mlpBias: true }, 'model.layers.0.')).toMatchObject({
      'self_attn.o_proj.bias': [64],
      'mlp.gate_proj.bias': [176],
      'mlp.up_proj.bias': [176],
      'mlp.down_proj.bias': [64],
    })
  })
  test('outside the layers there are the embedding, the last norm, and a head unless it is tied', () => {
    expect(shapesOf({ layerCount: 1 }, 'model.embed')).toEqual({ '_tokens.weight': [320, 64] })
    expect(shapesOf({}, 'model.norm.')).toEqual({ weight: [64] })
    expect(shapesOf({}, 'lm_head.')).toEqual({ weight: [320, 64] })
    expect(shapesOf({ tiedEmbeddings: true }, 'lm_head.')).toEqual({})
  })
})

describe('accepts', () => {
  test.each<[string, ModelSpec, Record<string, Partial<TensorInfo>>]>([
    ['exactly the expected tensors', spec, {}],
    ['f16 and bf16', spec, { 'model.norm.weight': { dtype: 'f16' }, 'lm_head.weight': { dtype: 'bf16' } }],
    ['stored RoPE tables', spec, { 'model.layers.0.self_attn.rotary_emb.inv_freq': { shape: [8] } }],
    ['a head that is stored although it is tied', shapeSpec({ tiedEmbeddings: true }), { 'lm_head.weight': {} }],
    ['tensors outside the decoder', spec, { 'value_head.weight': {}, 'visual.patch_embed.proj.weight': {} }],
  ])('%s', (_, given, changes) => {
    expect(() => validateTensors(given, stored(given, changes))).not.toThrow()
  })
})

describe('refuses', () => {
  const up = 'model.layers.3.mlp.up_proj.weight'
  test.each<[string, Record<string, Partial<TensorInfo> | null>, string, string]>([
    [
      'a wrong shape, naming the field it follows from',
      { [up]: { shape: [704, 256] } },
      'checkpoint',
      `model.safetensors: tensor "${up}" is [704, 256], config.json says [896, 256] (intermediate_size).`,
    ],
    [
      'a wrong rank, naming every field',
      { [up]: { shape: [896, 256, 1] } },
      'checkpoint',
      'is [896, 256, 1], config.json says [896, 256] (intermediate_size, hidden_size).',
    ],
    [
      'a missing dimension',
      { 'model.layers.0.self_attn.k_proj.weight': { shape: [32] } },
      'checkpoint',
      'is [32], config.json says [32, 256] (hidden_size).',
    ],
    ['a missing tensor', { [up]: null }, 'checkpoint', `model.safetensors: there is no tensor "${up}"`],
    ['a missing head', { 'lm_head.weight': null }, 'checkpoint', 'set tie_word_embeddings to true'],
    ['integer weights', { [up]: { dtype: 'i8' } }, 'unsupported', `tensor "${up}" is i8, expected f32, f16 or bf16`],
    ['weights of an unknown dtype', { [up]: { dtype: null } }, 'unsupported', 'expected f32, f16 or bf16'],
    [
      'a layer too many',
      { 'model.layers.4.mlp.up_proj.weight': {} },
      'checkpoint',
      'config.json says 4 layers (num_hidden_layers)',
    ],
    [
      'biases',
      { 'model.layers.0.self_attn.q_proj.bias': {} },
      'checkpoint',
      'unexpected tensor "model.layers.0.self_attn.q_proj.bias"',
    ],
    [
      'head norms',
      { 'model.layers.0.self_attn.q_norm.weight': {} },
      'checkpoint',
      'a llama model as config.json describes it',
    ],
    ['experts', { 'model.layers.0.mlp.experts.0.up_proj.weight': {} }, 'checkpoint', 'unexpected tensor'],
    ['attention sinks', { 'model.layers.0.self_attn.sinks': {} }, 'checkpoint', 'unexpected tensor'],
    ['a bias of the last norm', { 'model.norm.bias': {} }, 'checkpoint', 'unexpected tensor "model.norm.bias"'],
    ['a bias of the head', { 'lm_head.bias': {} }, 'checkpoint', 'unexpected tensor "lm_head.bias"'],
  ])('%s', (_, changes, code, message) => {
    expect(() => validateTensors(spec, stored(spec, changes))).toThrow(error(code, message))
  })

  test('a tensor missing from several files', () => {
    const source = stored(spec, { [up]: null, 'model.norm.weight': { file: 'model-00002.safetensors' } })
    expect(() => validateTensors(spec, source)).toThrow(
      error('checkpoint', `the 2 files with weights: there is no tensor "${up}"`),
    )
  })
})
