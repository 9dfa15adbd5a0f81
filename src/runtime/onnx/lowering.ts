import { PacelineError } from '../../errors.ts'
import { type Graph, isWeight, type Node, type OpName, type Value, type Weight } from '../../graph/index.ts'
import { attentionRule } from './attention.ts'
import { blockAttentionRule } from './block-attention.ts'
import { LoweringContext, type LoweringRule } from './context.ts'
import type { Feeds } from './feeds.ts'
import type { OnnxModel, OnnxType } from './model.ts'
import { logSoftmax, normalised, silu } from './shared.ts'
import { trainingRules } from './training.ts'
import type { PackedWeight } from './weights.ts'

/** How each operation is said in ONNX. */
const loweringRules: { readonly [O in OpName]: LoweringRule<O> } = {
  linear(context, { inputs: [x, weight, bias], outputs: [y] }) {
    if (x.shape.length !== 2)
      throw new PacelineError('unsupported', `under ONNX Runtime a linear layer takes [rows, K], got [${x.shape}]`)
    const product = isWeight(weight) ? storedProduct(context, x, weight) : products.f32(context, x, weight, undefined)
    context.define(y, bias ? context.model.node('Add', [product, context.weight(bias)]) : product)
  },

  rmsNorm(context, { inputs: [x, gain], outputs: [y], attributes: { eps } }) {
    context.define(y, normalised(context, x, gain, eps).y)
  },

  rope(context, { inputs: [x, positions], outputs: [y], attributes }) {
    const [, heads, headDim] = x.shape as [string, number, number]
    const { cos, sin, order } = context.feeds.rotations(positions, attributes)
    const flat = context.as(x, [1, -1, heads * headDim])
    const turned = context.model.node('ms:RotaryEmbedding', [flat, order, cos, sin], { num_heads: heads })
    context.define(y, turned, [1, -1, heads * headDim])
  },

  attention: (context, node) => (node.attributes.cache === null ? blockAttentionRule : attentionRule)(context, node),

  siluMul(context, { inputs: [gate, up], outputs: [y] }) {
    context.define(y, context.model.node('Mul', [silu(context, gate).silu, context.read(up)]))
  },

  silu(context, { inputs: [x], outputs: [y] }) {
    context.define(y, silu(context, x).silu)
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

  concat(context, { inputs, outputs: [y] }) {
    context.define(y, context.model.node('Concat', inputs.map(context.read), { axis: -1 }))
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
    context.define(y, logSoftmax(context, x))
  },

  ...trainingRules,
}

type Product<P extends PackedWeight> = (context: LoweringContext, x: Value, weight: Weight, packed: P) => string

function storedProduct(context: LoweringContext, x: Value, weight: Weight): string {
  const packed = context.packed(weight)
  return products[packed.precision](context, x, weight, packed as never)
}

/** x W^T by precision. Each keeps a row's result independent of the rows beside it. */
const products: {
  readonly f32: (context: LoweringContext, x: Value, weight: Value, packed: unknown) => string
} & { readonly [P in 'int8' | 'int4']: Product<Extract<PackedWeight, { precision: P }>> } = {
  f32: ({ model, read, weight: name }, x, weight) => model.node('Gemm', [read(x), name(weight)], { transB: 1 }),

  int8({ model, quantised }, x, weight, { data, scales }) {
    const [n, k] = weight.shape
    const { values, inHalves, zero, scale } = quantised(x)
    const stored = model.initializer('i8', [k, n], data)
    const channelScales = model.initializer('f32', [n], scales)
    const sums = model.node('ms:MatMulIntegerToFloat', [
      values,
      stored,
      model.scalar('f32', 1),
      channelScales,
      model.scalar('u8', zero),
    ])
    return model.node('Mul', [inHalves ? sumOfHalves(model, sums, n) : sums, scale])
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

/** What an output is called in the model, where all values share one space of names: a graph may call an input the same. */
export const outputName = (name: string): string => `output ${name}`

/** [2 * rows, N] to [rows, N]. */
function sumOfHalves(model: OnnxModel, sums: string, n: number): string {
  const beside = model.node('Reshape', [sums, model.integers(2, -1, n)])
  return model.node('ReduceSum', [beside, model.integers(0)], { keepdims: 0 })
}

/**
 * Writes `graph` as an ONNX model whose inputs are the graph's, plus what `feeds` derives from them and the cache. `inHalves`: 8-bit
 * activations are multiplied in halves.
 */
export function lower(
  graph: Graph,
  packed: ReadonlyMap<number, PackedWeight>,
  feeds: Feeds,
  model: OnnxModel,
  inHalves: boolean,
): void {
  const context = new LoweringContext(model, feeds, packed, inHalves)
  for (const input of graph.inputs) {
    // Positions enter as cos and sin tables, made before the run.
    const isRead = graph.nodes.some(({ op, inputs }) =>
      inputs.some((value, i) => value === input && !(op === 'rope' && i === 1)),
    )
    if (isRead) context.define(input, model.input(input.name, input.dtype as OnnxType, input.shape))
  }
  for (const node of graph.nodes) (loweringRules[node.op] as LoweringRule<OpName>)(context, node as Node<OpName>)
  for (const [name, value] of graph.outputs) {
    model.node('Identity', [context.read(value)], {}, [outputName(name)])
    model.output(outputName(name), value.dtype as OnnxType, value.shape)
  }
}
