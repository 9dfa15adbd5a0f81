import { PacelineError } from '../errors.ts'
import { elementCount, type Tensor, type TypedArray } from '../tensor/index.ts'
import { type InterpreterState, type InterpretRule, interpretRules } from './interpreter-rules.ts'
import type { Graph, Input, OpName, Weight } from './types.ts'

export type { InterpreterState, RowKeysAndValues } from './interpreter-rules.ts'

/**
 * Runs a graph literally, in plain loops with f64 sums: the oracle that executors are tested against.
 * `weights` yields the dense f32 elements of a weight; quantised ones are rounded here, by the library's definition.
 * Throws code `argument` for a missing input, `shape` for one that does not fit.
 */
export function interpret(
  graph: Graph,
  weights: (weight: Weight) => Float32Array,
  inputs: Readonly<Record<string, Tensor>>,
  state: InterpreterState,
): Record<string, Tensor> {
  const values = new Map<number, Tensor>()
  const symbols = new Map<string, number>()
  for (const input of graph.inputs) {
    const given = inputs[input.name]
    if (!given) throw new PacelineError('argument', `the graph needs an input "${input.name}"`)
    bindSymbols(input, given, symbols)
    values.set(input.id, given)
  }
  for (const weight of graph.weights)
    values.set(weight.id, { dtype: 'f32', shape: weight.shape, data: weights(weight) })
  for (const node of graph.nodes) {
    const rule = interpretRules[node.op] as InterpretRule<OpName>
    const operands = node.inputs.map((value) => values.get(value.id)!)
    const shapes = node.outputs.map((value) => value.shape.map((size) => resolve(size, symbols)))
    const results: TypedArray[] = rule(operands, node.attributes, { shapes, node, state })
    node.outputs.forEach((value, i) => {
      if (results[i].length !== elementCount(shapes[i]))
        throw new PacelineError('shape', `${node.op} made ${results[i].length} elements for shape [${shapes[i]}]`)
      values.set(value.id, { dtype: value.dtype, shape: shapes[i], data: results[i] } as Tensor)
    })
  }
  return Object.fromEntries([...graph.outputs].map(([name, value]) => [name, values.get(value.id)!]))
}

function bindSymbols({ name, dtype, shape }: Input, given: Tensor, symbols: Map<string, number>): void {
  const fits =
    dtype === given.dtype &&
    shape.length === given.shape.length &&
    shape.every((size, i) => {
      if (typeof size === 'number') return size === given.shape[i]
      const known = symbols.get(size)
      if (known === undefined) symbols.set(size, given.shape[i])
      return known === undefined || known === given.shape[i]
    })
  if (!fits)
    throw new PacelineError(
      'shape',
      `input "${name}" is ${given.dtype} [${given.shape}], the graph expects ${dtype} [${shape}]`,
    )
}

const resolve = (size: number | string, symbols: Map<string, number>) =>
  typeof size === 'number' ? size : symbols.get(size)!
