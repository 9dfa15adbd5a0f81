import type { ModelSpec } from '../spec.ts'
import { type Dimension, type ExpectedTensor, expectedTensors } from '../tensors.ts'

/**
 * A low-rank adapter (Hu et al. 2021, section 4.1): beside each matrix W [outputs, inputs] of some layers of a model, which
 * stays as it is, stand A [rank, inputs] and B [outputs, rank], and the layer multiplies by W + scale B A.
 */
export interface AdapterSpec {
  readonly rank: number
  readonly alpha: number
  /** Whether `scale` is alpha / sqrt(rank), not alpha / rank (Kalajdzievski 2023). */
  readonly rankStabilised: boolean
  /** The layers, in the order of the forward pass: "model.layers.0.self_attn.q_proj". */
  readonly modules: readonly string[]
}

/** What names of an adapter's tensors begin with. */
export const adapterPrefix = 'base_model.model.'

/** The name of A, of a layer or of the tensor of its weight. */
export const downName = (module: string): string => `${adapterPrefix}${moduleOf(module)}.lora_A.weight`
/** The name of B. */
export const upName = (module: string): string => `${adapterPrefix}${moduleOf(module)}.lora_B.weight`

const moduleOf = (name: string) => name.replace(/\.weight$/, '')

/** By what B A is multiplied. */
export function adapterScale({ rank, alpha, rankStabilised }: AdapterSpec): number {
  return alpha / (rankStabilised ? Math.sqrt(rank) : rank)
}

/** A linear layer of a model: y = x W^T. */
export interface LinearModule {
  readonly name: string
  readonly outputs: Dimension
  readonly inputs: Dimension
}

/** All linear layers of a model, the head among them where it is not the embedding table. */
export function linearModules(spec: ModelSpec): LinearModule[] {
  return expectedTensors(spec).flatMap(({ name, part, dimensions }) => {
    const [outputs, inputs] = dimensions
    return inputs === undefined || part === 'embedding' ? [] : [{ name: moduleOf(name), outputs, inputs }]
  })
}

/** A and B of each of the adapter's layers. */
export function adapterTensors(spec: ModelSpec, adapter: AdapterSpec): ExpectedTensor[] {
  const rank = { size: adapter.rank, field: 'r' }
  const adapted = new Set(adapter.modules)
  return linearModules(spec)
    .filter(({ name }) => adapted.has(name))
    .flatMap(({ name, outputs, inputs }) => {
      const part = name.includes('.self_attn.') ? 'attention' : name === 'lm_head' ? 'head' : 'mlp'
      return [
        { name: downName(name), part, dimensions: [rank, inputs] },
        { name: upName(name), part, dimensions: [outputs, rank] },
      ] as const
    })
}
