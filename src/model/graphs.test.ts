import { describe, expect, test } from 'vitest'
import { expectedTensors, type ModelSpec } from '../checkpoint/index.ts'
import type { Graph } from '../graph/index.ts'
import { headGraph, trunkGraph } from './graphs.ts'
import { tinyModel, tinyVariants } from './tiny.ts'

const sources = (graph: Graph) => graph.weights.flatMap((weight) => weight.sources)

/** Elements of all weights of a graph. */
const elements = (graph: Graph) => graph.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0)

describe('trunk and head together read every tensor of the checkpoint once, and the embedding table where it is tied', () => {
  test.each(Object.entries(tinyVariants))('%s', (_, fields) => {
    const { spec, tensors } = tinyModel(fields)
    const read = [...sources(trunkGraph(spec, 'f32')), ...sources(headGraph(spec, 'f32'))]
    const expected = expectedTensors(spec).map(({ name }) => name)
    const table = 'model.embed_tokens.weight'
    expect(read.sort()).toEqual(expected.filter((name) => name !== table || spec.tiedEmbeddings).sort())
    const sizes = read.map((name) => tensors[name].data.length)
    expect(elements(trunkGraph(spec, 'f32')) + elements(headGraph(spec, 'f32'))).toBe(sizes.reduce((a, b) => a + b))
  })
})

test('every layer has a cache of its own', () => {
  const { spec } = tinyModel({ layerCount: 3 })
  const graph = trunkGraph(spec, 'f32')
  expect(graph.caches.length).toBe(3)
  const used = graph.nodes.flatMap(({ op, attributes }) =>
    op === 'attention' ? [(attributes as { cache: number }).cache] : [],
  )
  expect(used).toEqual([0, 1, 2])
})

test('taps are outputs named by their layer, beside the features', () => {
  const { spec } = tinyModel({ layerCount: 3 })
  expect([...trunkGraph(spec, 'f32', [2, 0]).outputs.keys()].sort()).toEqual(['features', 'tap 0', 'tap 2'])
})

test.each([
  ['f32', 'f32'],
  ['int8', 'int8'],
  ['int4-pure', 'int4'],
] as const)('with %s all matrices of trunk and head are %s', (dtype, precision) => {
  const { spec }: { spec: ModelSpec } = tinyModel({ tiedEmbeddings: true, qkvBias: true, outputBias: true })
  for (const { shape, precision: actual } of [...trunkGraph(spec, dtype).weights, ...headGraph(spec, dtype).weights])
    expect(actual).toBe(shape.length === 2 ? precision : 'f32')
})

test('with int4 the matrices that the recipe names are int8, the tied head by the name lm_head.weight', () => {
  const { spec } = tinyModel({ tiedEmbeddings: true, recipe: { keep8: ['lm_head.weight', 'model.layers.1.*k_proj*'] } })
  const kept = [...trunkGraph(spec, 'int4').weights, ...headGraph(spec, 'int4').weights]
    .filter(({ precision }) => precision === 'int8')
    .map(({ sources }) => sources[0])
  expect(kept).toEqual(['model.layers.1.self_attn.q_proj.weight', 'model.embed_tokens.weight'])
})
