import { expect, test } from 'vitest'
import { GraphBuilder } from './builder.ts'
import { isWeight } from './types.ts'

test('a graph lists its inputs, weights, caches, nodes and outputs in the order they were written', () => {
  const g = new GraphBuilder()
  const x = g.input('x', 'f32', ['rows', 4])
  const w = g.weight('w', [6, 4], 'int8')
  const b = g.weight(['b1', 'b2'], [6])
  const y = g.linear(x, w, b)
  const { values, indices } = g.topK(y, 2)
  g.output('values', values)
  g.output('indices', indices)
  const graph = g.build()
  expect(graph.inputs).toEqual([x])
  expect(graph.weights).toEqual([w, b])
  expect(graph.nodes.map(({ op }) => op)).toEqual(['linear', 'topK'])
  expect(graph.nodes[0]).toMatchObject({ inputs: [x, w, b], outputs: [y] })
  expect(graph.nodes[1]).toMatchObject({ inputs: [y], outputs: [values, indices], attributes: { k: 2 } })
  expect([...graph.outputs]).toEqual([
    ['values', values],
    ['indices', indices],
  ])
})

test('every value has an id of its own', () => {
  const g = new GraphBuilder()
  const x = g.input('x', 'f32', ['rows', 4])
  const gain = g.weight('gain', [4])
  const parts = g.split(g.rmsNorm(x, gain, 1e-5), [1, 3])
  const ids = [x, gain, ...parts, g.softmax(x)].map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
})

test('a weight knows its tensors and its precision, f32 unless given; other values are no weights', () => {
  const g = new GraphBuilder()
  expect(g.weight('w', [2, 2])).toMatchObject({ sources: ['w'], precision: 'f32', dtype: 'f32', shape: [2, 2] })
  expect(g.weight(['q', 'k'], [4, 2], 'int4')).toMatchObject({ sources: ['q', 'k'], precision: 'int4', dtype: 'f32' })
  expect(isWeight(g.weight('w', [2, 2]))).toBe(true)
  expect(isWeight(g.input('x', 'f32', [2, 2]))).toBe(false)
})

test('caches are numbered from 0', () => {
  const g = new GraphBuilder()
  const spec = { kvHeads: 2, headDim: 4 }
  expect([g.cache(spec), g.cache(spec)]).toEqual([0, 1])
  expect(g.build().caches).toEqual([spec, spec])
})

test('two outputs cannot have one name', () => {
  const g = new GraphBuilder()
  const x = g.input('x', 'f32', ['rows', 4])
  g.output('y', x)
  expect(() => g.output('y', x)).toThrow(
    expect.objectContaining({ code: 'argument', message: 'the graph has an output "y" already' }),
  )
})
