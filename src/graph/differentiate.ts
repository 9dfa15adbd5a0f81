import { PacelineError } from '../errors.ts'
import type { GraphBuilder } from './builder.ts'
import { gradientsOf } from './gradients.ts'
import type { Value } from './types.ts'

/**
 * Reverse mode: adds to the graph of `g` the nodes that compute d loss / d value for each of `values` (weights, inputs
 * or anything between), and returns these gradients in the same order, shaped as the values. `loss` is a scalar.
 * Throws code `shape` for a loss that is not one, `argument` when it does not depend on a value, `unsupported` where it
 * depends on one through an operation without a gradient.
 */
export function differentiate(g: GraphBuilder, loss: Value, values: readonly Value[]): Value[] {
  if (loss.dtype !== 'f32' || loss.shape.length > 0)
    throw new PacelineError('shape', `the loss is ${loss.dtype} [${loss.shape}], expected a scalar of f32`)
  const nodes = [...g.nodes]
  // Only what depends on the values asked for needs a gradient: frozen weights cost nothing.
  const wanted = new Set(values.map(({ id }) => id))
  for (const { inputs, outputs } of nodes)
    if (inputs.some(({ id }) => wanted.has(id))) for (const { id } of outputs) wanted.add(id)

  const found = new Map<number, Value>()
  found.set(loss.id, g.constant(1))
  for (const node of nodes.reverse()) {
    if (!node.outputs.some(({ id }) => found.has(id) && wanted.has(id))) continue
    const given = gradientsOf(
      g,
      node,
      node.outputs.map(({ id }) => found.get(id)),
    )
    node.inputs.forEach((input, i) => {
      const gradient = given[i]
      if (!gradient || !wanted.has(input.id)) return
      const sum = found.get(input.id)
      found.set(input.id, sum ? g.add(sum, gradient) : gradient)
    })
  }
  return values.map((value) => {
    const gradient = found.get(value.id)
    if (!gradient)
      throw new PacelineError('argument', `the loss does not depend on the value of shape [${value.shape}]`)
    return gradient
  })
}
