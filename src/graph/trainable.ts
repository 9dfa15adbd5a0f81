import type { Graph, Input, Node, Value, Weight } from './types.ts'

/** What a weight is called among parameters: its checkpoint tensors, joined. */
export const parameterName = (weight: Weight): string => weight.sources.join(' + ')

/** The graph with the chosen weights as inputs, named by `parameterName`: what an update can change between runs. */
export function withTrainable(graph: Graph, isTrainable: (weight: Weight) => boolean): Graph {
  const inputs = new Map<number, Input>()
  for (const weight of graph.weights)
    if (isTrainable(weight)) {
      const { id, dtype, shape } = weight
      inputs.set(id, { id, dtype, shape, name: parameterName(weight) })
    }
  const replaced = (value: Value) => inputs.get(value.id) ?? value
  return {
    ...graph,
    inputs: [...graph.inputs, ...inputs.values()],
    weights: graph.weights.filter(({ id }) => !inputs.has(id)),
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(replaced) })),
  }
}

/** The graph without the nodes that no output needs. */
export function prune(graph: Graph): Graph {
  const needed = new Set([...graph.outputs.values()].map(({ id }) => id))
  const kept: Node[] = []
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some(({ id }) => needed.has(id))) continue
    for (const { id } of node.inputs) needed.add(id)
    kept.unshift(node)
  }
  return { ...graph, nodes: kept, weights: graph.weights.filter(({ id }) => needed.has(id)) }
}
