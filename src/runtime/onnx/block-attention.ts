import type { Value } from '../../graph/index.ts'
import type { LoweringContext, LoweringRule } from './context.ts'

/**
 * Attention over the rows alone: within each block every row meets every row, and a bias made from the parents hides
 * those that are not its ancestors. The query heads of a group stand below one another, as with a cache. All arrays are
 * [blocks, kvHeads, .., ..]; the weights are kept for the gradient.
 */
export const blockAttentionRule: LoweringRule<'attention'> = (
  context,
  { inputs: [q, k, v], outputs: [y], attributes },
) => {
  const { mixed } = attend(context, q, k, v, attributes)
  context.define(y, rowsFirst(context, mixed, q, k), dimsOf(q))
}

/** With p the weights and y the result: dp = dy v^T, ds = p (dp - sum(dy y)), since sum(p dp) = sum(dy y); Dao et al. 2022, appendix B. */
export const blockAttentionGradientRule: LoweringRule<'attentionGradient'> = (
  context,
  { inputs: [q, k, v, dy], outputs: [dq, dk, dv], attributes },
) => {
  const { model } = context
  const { queries, keys, values, weights, mixed } = attend(context, q, k, v, attributes)
  const d = headsFirst(context, dy, q, k) // [blocks, kvHeads, groups * block, headDim]
  const alpha = { float: attributes.scale }
  const dots = model.node('ReduceSum', [model.node('Mul', [d, mixed]), model.integers(-1)], { keepdims: 1 })
  const dp = model.node('ms:FusedMatMul', [d, values], { transB: 1 }) // [.., groups * block, block]
  const ds = model.node('Mul', [model.node('Sub', [dp, dots]), weights])
  const dQueries = model.node('ms:FusedMatMul', [ds, keys], { alpha })
  const dKeys = model.node('ms:FusedMatMul', [ds, queries], { transA: 1, alpha })
  const dValues = model.node('ms:FusedMatMul', [weights, d], { transA: 1 })
  context.define(dq, rowsFirst(context, dQueries, q, k), dimsOf(q))
  context.define(dk, rowsFirst(context, dKeys, k, k), dimsOf(k))
  context.define(dv, rowsFirst(context, dValues, k, k), dimsOf(k))
}

/** Queries, keys, values, weights and their product, heads first. */
function attend(
  context: LoweringContext,
  q: Value,
  k: Value,
  v: Value,
  { scale, window }: { readonly scale: number; readonly window: number | null },
) {
  return context.shared(`attention ${q.id} ${k.id} ${v.id} ${scale} ${window}`, () => {
    const { model, feeds } = context
    const queries = headsFirst(context, q, q, k)
    const keys = headsFirst(context, k, k, k)
    const values = headsFirst(context, v, k, k)
    const groups = headsOf(q) / headsOf(k)
    const product = model.node('ms:FusedMatMul', [queries, keys], { transB: 1, alpha: { float: scale } })
    const scores = model.node('Add', [product, feeds.blockBias(groups, window)])
    const weights = model.node('Softmax', [scores], { axis: -1 })
    return { queries, keys, values, weights, mixed: model.node('MatMul', [weights, values]) }
  })
}

const headsOf = (x: Value) => x.shape[1] as number
const widthOf = (x: Value) => x.shape[2] as number
const dimsOf = (x: Value) => [-1, headsOf(x), widthOf(x)]

/** The elements of `x`, shaped as `like`, as [blocks, kvHeads, groups * block, headDim]. */
function headsFirst(context: LoweringContext, x: Value, like: Value, k: Value): string {
  const { model, feeds } = context
  const shape = feeds.blockShape(headsOf(k), headsOf(like) / headsOf(k), widthOf(k))
  const split = model.node('Reshape', [context.stored(x), shape])
  const turned = model.node('Transpose', [split], { perm: [0, 2, 3, 1, 4] })
  return model.node('Reshape', [turned, model.integers(0, 0, -1, widthOf(k))])
}

/** Undoes `headsFirst`: rows in front, [rows, heads, headDim]. */
function rowsFirst(context: LoweringContext, x: string, like: Value, k: Value): string {
  const { model, feeds } = context
  const shape = feeds.headsFirstShape(headsOf(k), headsOf(like) / headsOf(k), widthOf(k))
  const split = model.node('Reshape', [x, shape])
  const turned = model.node('Transpose', [split], { perm: [0, 3, 1, 2, 4] })
  return model.node('Reshape', [turned, model.integers(...dimsOf(like))])
}
