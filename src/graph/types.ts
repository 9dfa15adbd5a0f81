import type { DType } from '../tensor/index.ts'

/** A size, or the name of one that is known only when the graph runs (`rows`). */
export type Dim = number | string
export type Shape = readonly Dim[]

/** How the weight of a linear layer is stored and multiplied. Everything that is not such a weight is `f32`. */
export type Precision = 'f32' | 'int8' | 'int4'

/** An edge of the graph. Its dtype is that of the activations; a quantised weight still has the logical dtype f32. */
export interface Value {
  readonly id: number
  readonly dtype: DType
  readonly shape: Shape
}

export interface Input extends Value {
  readonly name: string
}

/**
 * A parameter, known by the names of the checkpoint tensors it is made of, one below the other: q, k and v of a layer
 * make one `[(heads + 2 kvHeads) * headDim, hidden]` weight, so that its input is read, and quantised, once.
 */
export interface Weight extends Value {
  readonly sources: readonly string[]
  readonly precision: Precision
  readonly shape: readonly number[]
}

/** Keys and values of one attention layer, kept by the executor between runs. */
export interface CacheSpec {
  readonly kvHeads: number
  readonly headDim: number
}

/** The attributes of every operation: the list of what a graph can say. Inputs are documented in `shapes.ts`. */
export interface Operations {
  /** y = x W^T + b; inputs x [.., K], W [N, K], optionally b [N] -> [.., N] */
  linear: Record<never, never>
  /** Root mean square normalisation of the last dimension; inputs x [.., D], gain [D]. Zhang & Sennrich 2019. */
  rmsNorm: { readonly eps: number }
  /**
   * Rotary position embedding, split-half layout (as in the Hugging Face weights); inputs x [rows, heads, headDim],
   * positions [rows] i32. Pair i turns by position * frequencies[i]; cos and sin are multiplied by `scale`. Su et al. 2021.
   */
  rope: { readonly frequencies: Float64Array; readonly scale: number }
  /**
   * Each row attends to the cache, then to its ancestors among the rows, then to itself; inputs q [rows, heads, headDim],
   * k and v [rows, kvHeads, headDim] -> [rows, heads * headDim]. Query head h uses key head floor(h / (heads / kvHeads)).
   * `window`: how many newest keys a row sees, itself included.
   */
  attention: { readonly cache: number; readonly scale: number; readonly window: number | null }
  /** silu(gate) * up; two inputs of one shape. Shazeer 2020 (SwiGLU). */
  siluMul: Record<never, never>
  add: Record<never, never>
  /** Cuts the last dimension into pieces of these sizes. */
  split: { readonly sizes: readonly number[] }
  /** Same elements, new shape; a symbolic first dimension stays where it is. */
  reshape: { readonly shape: Shape }
  /** Index of the largest element of the last dimension, the lowest one of equals; [.., N] -> [..] i32 */
  argmax: Record<never, never>
  /** The k largest of the last dimension in falling order, lower index first among equals; -> values f32, indices i32 [.., k] */
  topK: { readonly k: number }
  /** Over the last dimension. */
  softmax: Record<never, never>
  logSoftmax: Record<never, never>
}

export type OpName = keyof Operations

export interface Node<O extends OpName = OpName> {
  readonly op: O
  readonly attributes: Operations[O]
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
}

/** A pure description: nodes in an order in which they can run. Made by `GraphBuilder`. */
export interface Graph {
  readonly inputs: readonly Input[]
  readonly weights: readonly Weight[]
  readonly caches: readonly CacheSpec[]
  readonly nodes: readonly Node[]
  readonly outputs: ReadonlyMap<string, Value>
}

export function isWeight(value: Value): value is Weight {
  return 'precision' in value
}
