import type { LoweringRule } from './context.ts'

/**
 * Attention in two parts, since the cache enters as an input that is never copied: scores against the cached keys and
 * against the rows' own keys are joined before the softmax, and parted again for the values. The query heads of a group
 * stand below one another, so that each key head is one matrix product.
 */
export const attentionRule: LoweringRule<'attention'> = (context, { inputs: [q, k, v], outputs: [y], attributes }) => {
  const { model, feeds } = context
  const [, heads, headDim] = q.shape as [string, number, number]
  const kvHeads = k.shape[1] as number
  const groups = heads / kvHeads
  const { scale, window } = attributes
  const cache = attributes.cache!

  const headsFirst = (value: typeof q, name?: string) =>
    model.node('Transpose', [context.read(value)], { perm: [1, 0, 2] }, name === undefined ? undefined : [name])
  const rowKeys = headsFirst(k, newKeys(cache)) // [kvHeads, rows, headDim]
  const rowValues = headsFirst(v, newValues(cache))
  model.output(rowKeys, 'f32', [kvHeads, 'rows', headDim])
  model.output(rowValues, 'f32', [kvHeads, 'rows', headDim])
  const byHead = headsFirst(q) // [heads, rows, headDim]
  const query = groups === 1 ? byHead : model.node('Reshape', [byHead, model.integers(kvHeads, -1, headDim)])

  const past = feeds.past(cache, kvHeads, headDim)
  const score = (keys: string, bias: string) => {
    const product = model.node('ms:FusedMatMul', [query, keys], { transB: 1, alpha: { float: scale } })
    return model.node('Add', [product, bias])
  }
  const scores = [score(past.keys, feeds.pastBias(groups, window)), score(rowKeys, feeds.rowBias(groups, window))]
  const weights = model.node('Softmax', [model.node('Concat', scores, { axis: -1 })], { axis: -1 })
  const [onPast, onRows] = model.nodes('Split', [weights, feeds.parts()], { axis: -1 }, 2)
  const mixed = model.node('Add', [
    model.node('MatMul', [onPast, past.values]),
    model.node('MatMul', [onRows, rowValues]),
  ])

  const perHead = groups === 1 ? mixed : model.node('Reshape', [mixed, model.integers(heads, -1, headDim)])
  context.define(y, model.node('Transpose', [perHead], { perm: [1, 0, 2] }), [-1, heads, headDim])
}

export const newKeys = (cache: number) => `new keys ${cache}`
export const newValues = (cache: number) => `new values ${cache}`
