import type { AttentionAttributes, Value } from '../../graph/index.ts'
import type { LoweringContext, LoweringRule } from './context.ts'

/**
 * Attention over the rows alone: within each block every row meets every row, and a bias made from the parents hides
 * those that are not its ancestors. Of further pairs of keys and values a row meets its own alone: one more score each. The
 * keys of a prefix stand in front, hidden from all rows but riders.
 * The query heads of a group stand below one another, as with a cache. All arrays are [blocks, kvHeads, .., ..]; the
 * weights are kept for the gradient.
 */
export const blockAttentionRule: LoweringRule<'attention'> = (context, { inputs, outputs: [y], attributes }) => {
  const [q, k] = inputs
  const { mixed } = attend(context, inputs, attributes)
  context.define(y, rowsFirst(context, mixed, q, k), dimsOf(q))
}

/** With p the weights and y the result: dp = dy v^T, ds = p (dp - sum(dy y)), since sum(p dp) = sum(dy y); Dao et al. 2022, appendix B. */
export const blockAttentionGradientRule: LoweringRule<'attentionGradient'> = (
  context,
  { inputs: [dy, ...inputs], outputs: [dq, dk, dv, ...further], attributes },
) => {
  const { model } = context
  const [q, k] = inputs
  const { queries, keys, values, weights, mixed, front, own } = attend(context, inputs, attributes)
  const dOwn = further.slice(front ? 2 : 0)
  const d = headsFirst(context, dy, q, k) // [blocks, kvHeads, groups * block, headDim]
  const alpha = { float: attributes.scale }
  const dots = rowDots(context, d, mixed)
  /** Of keys that many rows share: the gradient of their scores. */
  const dScores = (values: string, weights: string) => {
    const dp = model.node('ms:FusedMatMul', [d, values], { transB: 1 }) // [.., groups * block, keys]
    return model.node('Mul', [model.node('Sub', [dp, dots]), weights])
  }
  const ds = dScores(values, weights)
  let dQueries = model.node('ms:FusedMatMul', [ds, keys], { alpha })
  if (front) {
    const dFront = dScores(front.values, front.weights)
    dQueries = model.node('Add', [dQueries, model.node('ms:FusedMatMul', [dFront, front.keys], { alpha })])
    const shared = [
      model.node('ms:FusedMatMul', [dFront, queries], { transA: 1, alpha }),
      model.node('ms:FusedMatMul', [front.weights, d], { transA: 1 }),
    ] // [blocks, kvHeads, entries, headDim]
    shared.forEach((each, part) => {
      context.define(further[part], entriesFirst(context, each), further[part].shape as number[])
    })
  }
  own.forEach((pair, i) => {
    const slope = model.node('Sub', [rowDots(context, d, pair.values), dots]) // [.., groups * block, 1]
    const dScore = model.node('Mul', [model.node('Mul', [slope, pair.weight]), model.scalar('f32', attributes.scale)])
    dQueries = model.node('Add', [dQueries, model.node('Mul', [dScore, pair.keys])])
    const dPair = [model.node('Mul', [dScore, queries]), model.node('Mul', [pair.weight, d])]
    dPair.forEach((each, part) => {
      const summed = sumGroups(context, each, q, k)
      context.define(dOwn[2 * i + part], rowsFirst(context, summed, k, k), dimsOf(k))
    })
  })
  const dKeys = model.node('ms:FusedMatMul', [ds, queries], { transA: 1, alpha })
  const dValues = model.node('ms:FusedMatMul', [weights, d], { transA: 1 })
  context.define(dq, rowsFirst(context, dQueries, q, k), dimsOf(q))
  context.define(dk, rowsFirst(context, dKeys, k, k), dimsOf(k))
  context.define(dv, rowsFirst(context, dValues, k, k), dimsOf(k))
}

/** Queries, keys, values, weights and their product, heads first; keys and values of pairs repeated for each query head. */
function attend(
  context: LoweringContext,
  inputs: readonly Value[],
  { scale, window, prefix = false }: AttentionAttributes,
) {
  return context.shared(`attention ${inputs.map(({ id }) => id)} ${scale} ${window} ${prefix}`, () => {
    const { model, feeds } = context
    const [q, k, v, ...further] = inputs
    const others = further.slice(prefix ? 2 : 0)
    const queries = headsFirst(context, q, q, k)
    const keys = headsFirst(context, k, k, k)
    const values = headsFirst(context, v, k, k)
    const groups = headsOf(q) / headsOf(k)
    const product = model.node('ms:FusedMatMul', [queries, keys], { transB: 1, alpha: { float: scale } })
    const scores = model.node('Add', [product, feeds.blockBias(groups, window)])
    const entries = prefix ? (further[0].shape[0] as number) : 0
    const [frontKeys, frontValues] = further.slice(0, prefix ? 2 : 0).map((x) => headsOfEntries(context, x))
    const frontScores = prefix
      ? [
          model.node('Add', [
            model.node('ms:FusedMatMul', [queries, frontKeys], { transB: 1, alpha: { float: scale } }),
            feeds.prefixBias(groups, entries),
          ]),
        ]
      : []
    const repeated = others.map((x) => repeatGroups(context, headsFirst(context, x, k, k), groups))
    if (repeated.length === 0 && !prefix) {
      const weights = model.node('Softmax', [scores], { axis: -1 })
      return { queries, keys, values, weights, mixed: model.node('MatMul', [weights, values]), own: [] }
    }
    const pairs = Array.from({ length: repeated.length / 2 }, (_, i) => repeated.slice(2 * i, 2 * i + 2))
    const ownScores = pairs.map(([ownKeys]) =>
      model.node('Mul', [rowDots(context, queries, ownKeys), model.scalar('f32', scale)]),
    )
    const every = model.node('Concat', [...frontScores, scores, ...ownScores], { axis: -1 })
    const parts = model.nodes(
      'Split',
      [model.node('Softmax', [every], { axis: -1 }), feeds.blockParts(entries, pairs.length)],
      { axis: -1 },
      frontScores.length + 1 + pairs.length,
    )
    const front = prefix ? { keys: frontKeys, values: frontValues, weights: parts[0] } : undefined
    const [weights, ...ownWeights] = parts.slice(frontScores.length)
    const own = pairs.map(([keys, values], i) => ({ keys, values, weight: ownWeights[i] }))
    const shared = [front, { weights, values }].filter((part) => part !== undefined)
    const products = [
      ...shared.map(({ weights, values }) => model.node('MatMul', [weights, values])),
      ...own.map(({ weight, values }) => model.node('Mul', [weight, values])),
    ]
    const mixed = products.reduce((a, b) => model.node('Add', [a, b]))
    return { queries, keys, values, weights, mixed, front, own }
  })
}

const headsOf = (x: Value) => x.shape[1] as number
const widthOf = (x: Value) => x.shape[2] as number
const dimsOf = (x: Value) => [-1, headsOf(x), widthOf(x)]

/** Products of rows that stand at the same place, [.., 1]. */
function rowDots({ model }: LoweringContext, a: string, b: string): string {
  return model.node('ReduceSum', [model.node('Mul', [a, b]), model.integers(-1)], { keepdims: 1 })
}

/** [.., block, headDim] below itself, once for each query head of a group. */
function repeatGroups({ model }: LoweringContext, x: string, groups: number): string {
  return groups === 1 ? x : model.node('Concat', new Array<string>(groups).fill(x), { axis: 2 })
}

/** Undoes `repeatGroups` for a gradient: the sum over the query heads of a group. */
function sumGroups({ model }: LoweringContext, x: string, q: Value, k: Value): string {
  const groups = headsOf(q) / headsOf(k)
  if (groups === 1) return x
  const parted = model.nodes('Split', [x], { axis: 2, num_outputs: groups }, groups)
  return parted.reduce((sum, part) => model.node('Add', [sum, part]))
}

/** Keys or values of a prefix [entries, kvHeads, headDim] as [1, kvHeads, entries, headDim]. */
function headsOfEntries(context: LoweringContext, x: Value): string {
  const { model } = context
  return model.node('Unsqueeze', [model.node('Transpose', [context.read(x)], { perm: [1, 0, 2] }), model.integers(0)])
}

/** Undoes `headsOfEntries` for a gradient: the sum over all blocks. */
function entriesFirst({ model }: LoweringContext, x: string): string {
  const summed = model.node('ReduceSum', [x, model.integers(0)], { keepdims: 0 })
  return model.node('Transpose', [summed], { perm: [1, 0, 2] })
}

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
