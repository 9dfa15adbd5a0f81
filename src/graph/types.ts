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

export interface AttentionAttributes {
  readonly scale: number
  readonly window: number | null
  /** Whether keys and values of a prefix follow q, k and v. */
  readonly prefix?: boolean
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
   * `window`: how many newest keys a row sees, itself included. `cache` null: the rows are all there is (training).
   * There, further inputs may follow. With `prefix` keys and values [entries, kvHeads, headDim] that the riders of the run
   * see before all else, whatever the window, and no other row does (of a cache, the prefix is the cache's own). Then pairs
   * of keys and values [rows, kvHeads, headDim], of each of which a row sees its own row too, and no other.
   */
  attention: AttentionAttributes & { readonly cache: number | null }
  /** silu(gate) * up; two inputs of one shape. Shazeer 2020 (SwiGLU). */
  siluMul: Record<never, never>
  /** x times its sigmoid. */
  silu: Record<never, never>
  add: Record<never, never>
  /** Cuts the last dimension into pieces of these sizes. */
  split: { readonly sizes: readonly number[] }
  /** Joins along the last dimension: undoes `split`. */
  concat: Record<never, never>
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

/** What only training needs: losses, and the operations that gradients are made of. See `gradients.ts`. */
export interface TrainingOperations {
  /** Rows of a table by id; inputs table [N, D], ids [rows] i32 -> [rows, D] */
  embedding: Record<never, never>
  /** -log softmax(logits)[target], row by row; inputs logits [rows, N], targets [rows] i32 -> [rows] */
  crossEntropy: Record<never, never>
  /** -sum over x of p(x) log softmax(logits)(x), row by row; inputs logits and p, [rows, N], p summing to 1 -> [rows] */
  softCrossEntropy: Record<never, never>
  /** d^2 / 2 where |d| < 1, else |d| - 1/2, with d = a - b; two inputs of one shape. Girshick 2015, equation 3. */
  smoothL1: Record<never, never>
  /** 1 where two ids are the same, else 0; inputs [rows] i32 -> [rows] f32 */
  equal: Record<never, never>
  /** The same values, taken for constants: nothing of the gradient goes further back. */
  stopGradient: Record<never, never>
  /** Elementwise; two inputs of one shape. */
  mul: Record<never, never>
  scale: { readonly by: number }
  /** A scalar that is known when the graph is written. */
  constant: { readonly value: number }
  /** The sum of all elements, a scalar. */
  sum: Record<never, never>
  /** A scalar, repeated to the shape of the second input, whose values do not matter. */
  broadcast: Record<never, never>
  /** Sums over all dimensions but the last; [.., N] -> [N] */
  sumRows: Record<never, never>
  /** dx = dy W; inputs dy [.., N], W [N, K] -> [.., K] */
  linearInputGradient: Record<never, never>
  /** dW = dy^T x; inputs dy [.., N], x [.., K] -> [N, K] */
  linearWeightGradient: Record<never, never>
  /** Inputs table [N, D], whose values do not matter, ids [rows] i32, dy [rows, D] -> [N, D]: the rows of dy, added up by id. */
  embeddingGradient: Record<never, never>
  /** Inputs x, gain, dy -> dx, dgain */
  rmsNormGradient: { readonly eps: number }
  /** Inputs gate, up, dy -> dgate, dup */
  siluMulGradient: Record<never, never>
  /** Inputs y, dy -> dx */
  softmaxGradient: Record<never, never>
  logSoftmaxGradient: Record<never, never>
  /** Inputs logits, targets, dlosses [rows] -> dlogits */
  crossEntropyGradient: Record<never, never>
  /** Inputs logits, p, dlosses [rows] -> dlogits, dp */
  softCrossEntropyGradient: Record<never, never>
  /** Inputs a, b, dy -> da; that of b is its negative. */
  smoothL1Gradient: Record<never, never>
  /**
   * Inputs dy [rows, heads * headDim], then those of attention -> the gradients of these, in their order; of attention over
   * the rows alone.
   */
  attentionGradient: AttentionAttributes
}

export type AllOperations = Operations & TrainingOperations
export type OpName = keyof AllOperations
export type TrainingOpName = keyof TrainingOperations

export interface Node<O extends OpName = OpName> {
  readonly op: O
  readonly attributes: AllOperations[O]
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
