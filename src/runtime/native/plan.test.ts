import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GraphBuilder, isWeight, type Value } from '../../graph/index.ts'
import { planBuffers, widthOf } from './plan.ts'

/** A graph of random additions, splits, reshapes and gated products. */
function randomGraph(choices: readonly { op: number; a: number; b: number; keep: boolean }[]) {
  const g = new GraphBuilder()
  const values: Value[] = [g.input('x', 'f32', ['rows', 24]), g.input('y', 'f32', ['rows', 24])]
  choices.forEach(({ op, a, b, keep }, i) => {
    const [first, second] = [values[a % values.length], values[b % values.length]]
    if (op === 0) values.push(g.add(first, second))
    else if (op === 1) values.push(g.siluMul(first, second))
    else if (op === 2) values.push(g.reshape(g.reshape(first, ['rows', 4, 6]), ['rows', 24]))
    else {
      const [left, right] = g.split(g.reshape(first, ['rows', 24]), [10, 14])
      g.output(`left ${i}`, left)
      g.output(`right ${i}`, right)
    }
    if (keep) g.output(`kept ${i}`, values[values.length - 1])
  })
  return g.build()
}

test('values that live at the same time never share memory, unless one is a view of the other', () => {
  const choice = fc.record({ op: fc.nat(3), a: fc.nat(50), b: fc.nat(50), keep: fc.boolean() })
  fc.assert(
    fc.property(fc.array(choice, { minLength: 1, maxLength: 30 }), (choices) => {
      const graph = randomGraph(choices)
      const { views, width } = planBuffers(graph)
      // Runs the plan: each cell of the arena holds the value that wrote it last; a reader must find its own.
      const arena = new Array<string>(width).fill('')
      const origin = new Map<number, string>()
      const cells = (value: Value) => {
        const { offset, start } = views.get(value.id)!
        return Array.from({ length: widthOf(value) }, (_, i) => offset + start + i)
      }
      const write = (value: Value) => {
        origin.set(value.id, `${value.id}:0`)
        cells(value).forEach((cell, i) => {
          arena[cell] = `${value.id}:${i}`
        })
      }
      const check = (value: Value) => {
        const [id, first] = origin.get(value.id)!.split(':').map(Number)
        cells(value).forEach((cell, i) => {
          expect(arena[cell]).toBe(`${id}:${first + i}`)
        })
      }
      graph.inputs.forEach(write)
      for (const { op, inputs, outputs } of graph.nodes) {
        for (const input of inputs) if (!isWeight(input)) check(input)
        if (op !== 'split' && op !== 'reshape') outputs.forEach(write)
        else {
          const [id, first] = origin.get(inputs[0].id)!.split(':').map(Number)
          let at = first
          for (const output of outputs) {
            origin.set(output.id, `${id}:${at}`)
            at += widthOf(output)
          }
        }
      }
      for (const value of graph.outputs.values()) check(value)
      for (const { offset } of views.values()) expect(offset % 16).toBe(0)
    }),
    { numRuns: 200, seed: 1 },
  )
})
