import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GraphBuilder, isWeight, type Value } from '../../graph/index.ts'
import { planBuffers, widthOf } from './plan.ts'

/** A graph of random additions, splits, concats, reshapes and gated products. */
function randomGraph(choices: readonly { op: number; a: number; b: number; keep: boolean }[]) {
  const g = new GraphBuilder()
  const values: Value[] = [g.input('x', 'f32', ['rows', 24]), g.input('y', 'f32', ['rows', 24])]
  choices.forEach(({ op, a, b, keep }, i) => {
    const [first, second] = [values[a % values.length], values[b % values.length]]
    if (op === 0) values.push(g.add(first, second))
    else if (op === 1) values.push(g.siluMul(first, second))
    else if (op === 2) values.push(g.reshape(g.reshape(first, ['rows', 4, 6]), ['rows', 24]))
    else if (op === 3) {
      // Parts are read after they were joined, one of them by the other, and the whole is cut across their border.
      const part = g.add(first, second)
      const parts = [g.siluMul(part, second), part]
      const [head, middle, tail] = g.split(g.concat(parts), [7, 24, 17])
      values.push(...parts, middle)
      g.output(`head ${i}`, head)
      g.output(`tail ${i}`, tail)
    } else {
      const [left, right] = g.split(g.reshape(first, ['rows', 24]), [10, 14])
      g.output(`left ${i}`, left)
      g.output(`right ${i}`, right)
    }
    if (keep) g.output(`kept ${i}`, values[values.length - 1])
  })
  return g.build()
}

test('values that live at the same time never share memory, unless one is a view of the other', () => {
  const choice = fc.record({ op: fc.nat(4), a: fc.nat(50), b: fc.nat(50), keep: fc.boolean() })
  fc.assert(
    fc.property(fc.array(choice, { minLength: 1, maxLength: 30 }), (choices) => {
      const graph = randomGraph(choices)
      const { views, width } = planBuffers(graph)
      // Runs the plan: each cell of the arena holds what was written to it last; a reader must find its own elements.
      const arena = new Array<string>(width).fill('')
      const elements = new Map<number, string[]>()
      const start = (value: Value) => views.get(value.id)!.offset + views.get(value.id)!.start
      const write = (value: Value) => {
        const own = Array.from({ length: widthOf(value) }, (_, i) => `${value.id}:${i}`)
        elements.set(value.id, own)
        arena.splice(start(value), own.length, ...own)
      }
      const check = (value: Value) =>
        expect(arena.slice(start(value), start(value) + widthOf(value))).toEqual(elements.get(value.id))
      graph.inputs.forEach(write)
      for (const { op, inputs, outputs } of graph.nodes) {
        for (const input of inputs) if (!isWeight(input)) check(input)
        if (op !== 'split' && op !== 'concat' && op !== 'reshape') {
          outputs.forEach(write)
          // A kernel reads and writes at once.
          for (const input of inputs) if (!isWeight(input)) check(input)
          continue
        }
        let at = 0
        const all = inputs.flatMap((input) => elements.get(input.id)!)
        for (const output of outputs) {
          elements.set(output.id, all.slice(at, at + widthOf(output)))
          at += widthOf(output)
        }
      }
      for (const value of graph.outputs.values()) check(value)
      for (const { offset } of views.values()) expect(offset % 16).toBe(0)
    }),
    { numRuns: 200, seed: 1 },
  )
})

const refused: Record<string, (g: GraphBuilder, x: Value) => unknown> = {
  'an input': (g, x) => g.concat([g.add(x, x), x]),
  'a piece of a split': (g, x) => g.concat(g.split(g.add(x, x), [2, 4])),
  'a reshape': (g, x) => g.concat([g.add(x, x), g.reshape(g.add(x, x), ['rows', 6])]),
  'a concat': (g, x) => g.concat([g.concat([g.add(x, x), g.add(x, x)]), g.add(x, x)]),
  'one value twice': (g, x) => {
    const part = g.add(x, x)
    g.concat([part, part])
  },
  'a part of another concat': (g, x) => {
    const [shared, left, right] = [g.add(x, x), g.add(x, x), g.add(x, x)]
    g.concat([left, shared])
    g.concat([shared, right])
  },
}

test.each(Object.entries(refused))('refuses to join %s, which lies elsewhere', (_, write) => {
  const g = new GraphBuilder()
  write(g, g.input('x', 'f32', ['rows', 6]))
  expect(() => planBuffers(g.build())).toThrow(
    expect.objectContaining({ code: 'unsupported', message: expect.stringMatching(/part \d of \[rows,\d+\] must be/) }),
  )
})

test('refuses to join heads, whose columns would interleave', () => {
  const g = new GraphBuilder()
  const x = g.input('x', 'f32', ['rows', 2, 3])
  g.concat([g.add(x, x), g.add(x, x)])
  expect(() => planBuffers(g.build())).toThrow(/concatenates \[rows, N\], got \[rows,2,3\]/)
})
