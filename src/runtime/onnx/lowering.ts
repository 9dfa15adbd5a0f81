import { PacelineError } from '../../errors.ts'
import { type Graph, isWeight, type Node, type OpName, type Shape, type Value, type Weight } from '../../graph/index.ts'
import { smallestScale } from '../../tensor/index.ts'
import { attentionRule } from './attention.ts'
import type { Feeds } from './feeds.ts'
import type { OnnxModel, OnnxType } from './model.ts'
import type { PackedWeight } from './weights.ts'

export type LoweringRule<O extends OpName> = (context: LoweringContext, node: Node<O>) => void

/** How each operation is said in ONNX. */
const loweringRules: { readonly [O in OpName]: LoweringRule<O> } = {
  linear(context, { inputs: [x, weight, bias], outputs: [y] }) {
    if (!isWeight(weight) || x.shape.length !== 2)
      throw new PacelineError(
        'unsupported',
        'under ONNX Runtime a linear layer takes [rows, K] and a checkpoint weight',
      )
    const packed = context.packed(weight)
    const product = products[packed.precision](context, x, weight, packed as never)
    context.define(y, bias ? context.model.node('Add', [product, context.weight(bias)]) : product)
  },

  rmsNorm(context, { inputs: [x, gain], outputs: [y], attributes: { eps } }) {
    const attributes = { axis: -1, epsilon: { float: eps } }
    context.define(
      y,
      context.model.node('SimplifiedLayerNormalization', [context.read(x), context.weight(gain)], attributes),
    )
  },

  rope(context, { inputs: [x, positions], outputs: [y], attributes }) {
    const [, heads, headDim] = x.shape as [string, number, number]
    const { cos, sin, order } = context.feeds.rotations(positions, attributes)
    const flat = context.as(x, [1, -1, heads * headDim])
    const turned = context.model.node('ms:RotaryEmbedding', [flat, order, cos, sin], { num_heads: heads })
    context.define(y, turned, [1, -1, heads * headDim])
  },

  attention: attentionRule,

  siluMul(context, { inputs: [gate, up], outputs: [y] }) {
    const name = context.read(gate)
    const silu = context.model.node('Mul', [name, context.model.node('Sigmoid', [name])])
    context.define(y, context.model.node('Mul', [silu, context.read(up)]))
  },

  add(context, { inputs: [a, b], outputs: [y] }) {
    context.define(y, context.model.node('Add', [context.read(a), context.read(b)]))
  },

  split(context, { inputs: [x], outputs, attributes: { sizes } }) {
    const names = context.model.nodes(
      'Split',
      [context.read(x), context.model.integers(...sizes)],
      { axis: -1 },
      sizes.length,
    )
    outputs.forEach((output, i) => {
      context.define(output, names[i])
    })
  },

  // Every value is dense and row-major, so a reshape is only another way to read it.
  reshape(context, { inputs: [x], outputs: [y] }) {
    context.alias(y, x)
  },

  argmax(context, { inputs: [x], outputs: [y] }) {
    const index = context.model.node('ArgMax', [context.read(x)], { axis: -1, keepdims: 0, select_last_index: 0 })
    context.define(y, context.model.node('Cast', [index], { to: 6 }))
  },

  topK(context, { inputs: [x], outputs: [values, indices], attributes: { k } }) {
    const [best, index] = context.model.nodes(
      'TopK',
      [context.read(x), context.model.integers(k)],
      { axis: -1, largest: 1, sorted: 1 },
      2,
    )
    context.define(values, best)
    context.define(indices, context.model.node('Cast', [index], { to: 6 }))
  },

  softmax(context, { inputs: [x], outputs: [y] }) {
    context.define(y, context.model.node('Softmax', [context.read(x)], { axis: -1 }))
  },

  logSoftmax(context, { inputs: [x], outputs: [y] }) {
    context.define(y, context.model.node('LogSoftmax', [context.read(x)], { axis: -1 }))
  },
}

type Product<P extends PackedWeight> = (context: LoweringContext, x: Value, weight: Weight, packed: P) => string

/** x W^T by precision. Each keeps a row's result independent of the rows beside it. */
const products: { readonly [P in PackedWeight['precision']]: Product<Extract<PackedWeight, { precision: P }>> } = {
  f32: ({ model, read, weight: name }, x, weight) => model.node('Gemm', [read(x), name(weight)], { transB: 1 }),

  int8({ model, quantised }, x, weight, { data, scales }) {
    const [n, k] = weight.shape
    const { values, scale } = quantised(x)
    const stored = model.initializer('i8', [k, n], data)
    const channelScales = model.initializer('f32', [n], scales)
    const sums = model.node('ms:MatMulIntegerToFloat', [
      values,
      stored,
      model.scalar('f32', 1),
      channelScales,
      model.scalar('u8', 128),
    ])
    return model.node('Mul', [sums, scale])
  },

  int4({ model, read }, x, weight, { data, scales }) {
    const [n, k] = weight.shape
    const groups = Math.ceil(k / 128)
    const stored = model.initializer('u8', [n, groups, 64], data)
    const groupScales = model.initializer('f32', [n * groups], scales)
    // Level 4: activations in 8 bits, the integer path of the kernel; its rows are independent, level 0's are not.
    const attributes = { K: k, N: n, bits: 4, block_size: 128, accuracy_level: 4 }
    return model.node('ms:MatMulNBits', [read(x), stored, groupScales], attributes)
  },
}

/** What a rule works with: the model being written, and the ONNX name of every value written so far. */
export class LoweringContext {
  readonly model: OnnxModel
  readonly feeds: Feeds
  readonly #packed: ReadonlyMap<number, PackedWeight>
  /** Where a value is stored, and the dimensions it was written with. */
  readonly #stored = new Map<number, { name: string; dims: string }>()
  readonly #reshaped = new Map<string, string>()
  readonly #weights = new Map<number, string>()
  readonly #quantised = new Map<number, { values: string; scale: string }>()

  constructor(model: OnnxModel, feeds: Feeds, packed: ReadonlyMap<number, PackedWeight>) {
    this.model = model
    this.feeds = feeds
    this.#packed = packed
  }

  /** Records that `value` is the ONNX value `name`, written with `dims` (those of the graph unless given). */
  define(value: Value, name: string, dims: readonly number[] = onnxDims(value.shape)): void {
    this.#stored.set(value.id, { name, dims: `${dims}` })
  }

  alias(value: Value, of: Value): void {
    this.#stored.set(value.id, this.#stored.get(of.id)!)
  }

  /** The ONNX name of `value`, in the graph's shape. */
  readonly read = (value: Value): string => this.as(value, onnxDims(value.shape))

  /** The ONNX name of the elements of `value` in another shape; -1 stands for the symbolic size. */
  as(value: Value, dims: readonly number[]): string {
    const { name, dims: stored } = this.#stored.get(value.id)!
    if (stored === `${dims}`) return name
    const key = `${name} as ${dims}`
    const reshaped = this.#reshaped.get(key) ?? this.model.node('Reshape', [name, this.model.integers(...dims)])
    this.#reshaped.set(key, reshaped)
    return reshaped
  }

  packed(weight: Weight): PackedWeight {
    return this.#packed.get(weight.id)!
  }

  /** The name of an f32 weight. */
  readonly weight = (value: Value): string => {
    const known = this.#weights.get(value.id)
    if (known) return known
    const { data } = this.packed(value as Weight)
    const name = this.model.initializer('f32', value.shape as number[], data)
    this.#weights.set(value.id, name)
    return name
  }

  /** Rows of `x` in 8 bits (offset 128) and the scale of each, [rows, 1]; made once for all layers that read `x`. */
  readonly quantised = (x: Value): { values: string; scale: string } => {
    const known = this.#quantised.get(x.id)
    if (known) return known
    const { model } = this
    const name = this.read(x)
    const max = model.node('ReduceMax', [model.node('Abs', [name]), model.integers(-1)], { keepdims: 1 })
    const scale = model.node('Max', [
      model.node('Div', [max, model.scalar('f32', 127)]),
      model.scalar('f32', smallestScale),
    ])
    const flat = model.node('Reshape', [scale, model.integers(-1)])
    const values = model.node('QuantizeLinear', [name, flat, this.feeds.zeroPoints()], { axis: 0 })
    const result = { values, scale }
    this.#quantised.set(x.id, result)
    return result
  }
}

const onnxDims = (shape: Shape): number[] => shape.map((size) => (typeof size === 'number' ? size : -1))

/** Writes `graph` as an ONNX model whose inputs are the graph's, plus what `feeds` derives from them and the cache. */
export function lower(graph: Graph, packed: ReadonlyMap<number, PackedWeight>, feeds: Feeds, model: OnnxModel): void {
  const context = new LoweringContext(model, feeds, packed)
  for (const input of graph.inputs) {
    // Positions enter as cos and sin tables, made before the run.
    const isRead = graph.nodes.some(({ op, inputs }) =>
      inputs.some((value, i) => value === input && !(op === 'rope' && i === 1)),
    )
    if (isRead) context.define(input, model.input(input.name, input.dtype as OnnxType, input.shape))
  }
  for (const node of graph.nodes) (loweringRules[node.op] as LoweringRule<OpName>)(context, node as Node<OpName>)
  for (const [name, value] of graph.outputs) {
    model.node('Identity', [context.read(value)], {}, [name])
    model.output(name, value.dtype as OnnxType, value.shape)
  }
}
