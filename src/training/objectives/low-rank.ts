import {
  type AdapterSpec,
  adapterPrefix,
  adapterScale,
  downName,
  linearModules,
  type ModelSpec,
  upName,
} from '../../checkpoint/index.ts'
import type { GraphBuilder, Value } from '../../graph/index.ts'
import type { Objective } from '../objective.ts'

/**
 * The objective of a model with an adapter, which alone changes: each layer y = x W^T that the adapter has becomes
 * y = x W^T + scale (x A^T) B^T, which is the product by W + scale B A. Tensors have the names of `adapterTensors`.
 */
export function lowRankObjective(objective: Objective, spec: ModelSpec, adapter: AdapterSpec): Objective {
  const adapted = new Set(adapter.modules.map((module) => `${module}.weight`))
  const outputs = new Map(linearModules(spec).map(({ name, outputs }) => [`${name}.weight`, outputs.size]))
  return {
    isTrainable: ({ sources: [name] }) => name.startsWith(adapterPrefix),
    write(g) {
      g.adaptLinear((x, { sources }) =>
        sources.every((name) => adapted.has(name))
          ? lowRank(
              g,
              x,
              sources.map((name) => ({ name, outputs: outputs.get(name)! })),
              adapter,
            )
          : undefined,
      )
      return objective.write(g)
    },
  }
}

/** scale (x A^T) B^T of layers whose products are joined: one product by all A, then one by the B of each. */
function lowRank(
  g: GraphBuilder,
  x: Value,
  layers: readonly { readonly name: string; readonly outputs: number }[],
  adapter: AdapterSpec,
): Value {
  const { rank } = adapter
  const inputs = x.shape[x.shape.length - 1] as number
  const down = g.weight(
    layers.map(({ name }) => downName(name)),
    [layers.length * rank, inputs],
  )
  const scaled = g.scale(g.linear(x, down), adapterScale(adapter)) // [rows, layers * rank]
  const parts =
    layers.length === 1
      ? [scaled]
      : g.split(
          scaled,
          layers.map(() => rank),
        )
  return g.concat(parts.map((part, i) => g.linear(part, g.weight(upName(layers[i].name), [layers[i].outputs, rank]))))
}
