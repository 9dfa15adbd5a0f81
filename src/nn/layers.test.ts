import { expect, test } from 'vitest'
import { GraphBuilder, interpret, type Precision } from '../graph/index.ts'
import { decoderLayer, type LayerContext } from './layers.ts'
import { rotationOf } from './rope.ts'
import type { DecoderSpec } from './spec.ts'

const plain: DecoderSpec = {
  hiddenSize: 8,
  intermediateSize: 12,
  layerCount: 1,
  headCount: 4,
  kvHeadCount: 2,
  headDim: 6,
  normEps: 1e-5,
  rope: { theta: 10_000, scaling: { type: 'default' } },
  qkvBias: false,
  outputBias: false,
  mlpBias: false,
  qkNorm: false,
  windows: [null],
}

function layer(fields: Partial<DecoderSpec>, precision: Precision = 'f32', window: number | null = null) {
  const spec = { ...plain, ...fields }
  const g = new GraphBuilder()
  const x = g.input('x', 'f32', ['rows', spec.hiddenSize])
  const positions = g.input('positions', 'i32', ['rows'])
  const context: LayerContext = { g, spec, precision, positions, rotation: rotationOf(spec.rope, spec.headDim) }
  g.output('y', decoderLayer(context, x, 'layer', window))
  return g.build()
}

const weights = (graph: ReturnType<typeof layer>) =>
  Object.fromEntries(graph.weights.map(({ sources, shape }) => [sources.join(' '), shape]))

const qkv = (part: string) => ['q', 'k', 'v'].map((p) => `layer.self_attn.${p}_proj.${part}`).join(' ')
const gateUp = (part: string) => ['gate', 'up'].map((p) => `layer.mlp.${p}_proj.${part}`).join(' ')

test('a layer is made of the tensors of a checkpoint; q, k and v are one product, and gate and up', () => {
  expect(weights(layer({}))).toEqual({
    'layer.input_layernorm.weight': [8],
    [qkv('weight')]: [(4 + 2 + 2) * 6, 8],
    'layer.self_attn.o_proj.weight': [8, 24],
    'layer.post_attention_layernorm.weight': [8],
    [gateUp('weight')]: [24, 8],
    'layer.mlp.down_proj.weight': [8, 12],
  })
})

test.each<[keyof DecoderSpec, Record<string, number[]>]>([
  ['qkvBias', { [qkv('bias')]: [48] }],
  ['outputBias', { 'layer.self_attn.o_proj.bias': [8] }],
  ['mlpBias', { [gateUp('bias')]: [24], 'layer.mlp.down_proj.bias': [8] }],
  ['qkNorm', { 'layer.self_attn.q_norm.weight': [6], 'layer.self_attn.k_norm.weight': [6] }],
])('%s adds these tensors and no others', (field, added) => {
  expect(weights(layer({ [field]: true }))).toEqual({ ...weights(layer({})), ...added })
})

test('matrices have the precision asked for; gains and biases stay f32', () => {
  for (const { shape, precision } of layer({ qkvBias: true, qkNorm: true }, 'int8').weights)
    expect(precision).toBe(shape.length === 2 ? 'int8' : 'f32')
})

test('a layer keeps keys and values in one cache, and its window reaches attention', () => {
  const graph = layer({}, 'f32', 5)
  expect(graph.caches).toEqual([{ kvHeads: 2, headDim: 6 }])
  expect(graph.nodes.find(({ op }) => op === 'attention')?.attributes).toEqual({
    cache: 0,
    scale: 1 / Math.sqrt(6),
    window: 5,
  })
})

test('a layer adds to its input: where its projections are zero, nothing', () => {
  const x = { dtype: 'f32', shape: [2, 8], data: Float32Array.from({ length: 16 }, (_, i) => i - 7) } as const
  const positions = { dtype: 'i32', shape: [2], data: Int32Array.of(0, 1) } as const
  const state = { past: [{ keys: [], values: [] }], parents: [-1, 0], fresh: [] }
  const zeros = ({ shape }: { shape: readonly number[] }) => new Float32Array(shape.reduce((a, b) => a * b))
  expect(interpret(layer({}), zeros, { x, positions }, state).y.data).toEqual(x.data)
})
