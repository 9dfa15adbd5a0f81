import { PacelineError } from '../../errors.ts'
import { isWeight, type TrainingOpName, type Value } from '../../graph/index.ts'
import { blockAttentionGradientRule } from './block-attention.ts'
import type { LoweringContext, LoweringRule } from './context.ts'
import { logSoftmax, normalised, silu } from './shared.ts'

/** How the operations of training are said in ONNX. */
export const trainingRules: { readonly [O in TrainingOpName]: LoweringRule<O> } = {
  embedding(context, { inputs: [table, ids], outputs: [y] }) {
    context.define(y, context.model.node('Gather', [context.weight(table), context.read(ids)], { axis: 0 }))
  },

  crossEntropy(context, { inputs: [logits, targets], outputs: [losses] }) {
    const picked = context.model.node('GatherElements', [logSoftmax(context, logits), context.as(targets, [-1, 1])], {
      axis: 1,
    })
    context.define(losses, context.model.node('Neg', [picked]), [-1, 1])
  },

  crossEntropyGradient(context, { inputs: [logits, targets, dlosses], outputs: [dlogits] }) {
    const { model } = context
    const column = context.as(dlosses, [-1, 1])
    const weighted = model.node('Mul', [model.node('Exp', [logSoftmax(context, logits)]), column])
    const updates = [weighted, context.as(targets, [-1, 1]), model.node('Neg', [column])]
    context.define(dlogits, model.node('ScatterElements', updates, { axis: 1, reduction: { text: 'add' } }))
  },

  softCrossEntropy(context, { inputs: [logits, p], outputs: [losses] }) {
    const { model } = context
    const products = model.node('Mul', [context.read(p), logSoftmax(context, logits)])
    context.define(
      losses,
      model.node('Neg', [model.node('ReduceSum', [products, model.integers(-1)], { keepdims: 0 })]),
    )
  },

  // The probabilities sum to 1, so that no sum over them is left.
  softCrossEntropyGradient(context, { inputs: [logits, p, dlosses], outputs: [dlogits, dp] }) {
    const { model } = context
    const column = context.as(dlosses, [-1, 1])
    const logs = logSoftmax(context, logits)
    const difference = model.node('Sub', [model.node('Exp', [logs]), context.read(p)])
    context.define(dlogits, model.node('Mul', [difference, column]))
    context.define(dp, model.node('Neg', [model.node('Mul', [logs, column])]))
  },

  // With c = d cut to [-1, 1]: c (d - c / 2), whose slope is c.
  smoothL1(context, { inputs: [a, b], outputs: [y] }) {
    const { model } = context
    const { difference, slope } = cutDifference(context, a, b)
    const half = model.node('Mul', [slope, model.scalar('f32', 0.5)])
    context.define(y, model.node('Mul', [slope, model.node('Sub', [difference, half])]))
  },

  smoothL1Gradient(context, { inputs: [a, b, dy], outputs: [da] }) {
    context.define(da, context.model.node('Mul', [cutDifference(context, a, b).slope, context.read(dy)]))
  },

  equal(context, { inputs: [a, b], outputs: [y] }) {
    const { model } = context
    context.define(y, model.node('Cast', [model.node('Equal', [context.read(a), context.read(b)])], { to: 1 }))
  },

  stopGradient(context, { inputs: [x], outputs: [y] }) {
    context.define(y, context.model.node('Identity', [context.read(x)]))
  },

  mul(context, { inputs: [a, b], outputs: [y] }) {
    context.define(y, context.model.node('Mul', [context.read(a), context.read(b)]))
  },

  scale(context, { inputs: [x], outputs: [y], attributes: { by } }) {
    context.define(y, context.model.node('Mul', [context.read(x), context.model.scalar('f32', by)]))
  },

  constant(context, { outputs: [y], attributes: { value } }) {
    context.define(y, context.model.scalar('f32', value))
  },

  sum(context, { inputs: [x], outputs: [y] }) {
    context.define(y, context.model.node('ReduceSum', [context.read(x)], { keepdims: 0 }))
  },

  broadcast(context, { inputs: [x, like], outputs: [y] }) {
    const shape = context.model.node('Shape', [context.read(like)])
    context.define(y, context.model.node('Expand', [context.read(x), shape]))
  },

  sumRows(context, { inputs: [x], outputs: [y] }) {
    const { model } = context
    const rows = context.as(x, [-1, x.shape[x.shape.length - 1] as number])
    context.define(y, model.node('ReduceSum', [rows, model.integers(0)], { keepdims: 0 }))
  },

  linearInputGradient(context, { inputs: [dy, weight], outputs: [dx] }) {
    if (isWeight(weight) && weight.precision !== 'f32')
      throw new PacelineError(
        'unsupported',
        `gradients pass through weights in f32 only, ${weight.sources.join(', ')} is ${weight.precision}`,
      )
    context.define(dx, context.model.node('Gemm', [context.read(dy), context.weight(weight)]))
  },

  linearWeightGradient(context, { inputs: [dy, x], outputs: [dw] }) {
    context.define(dw, context.model.node('Gemm', [context.read(dy), context.read(x)], { transA: 1 }))
  },

  // Not ScatterND, whose threads may add to one row at the same time.
  embeddingGradient(context, { inputs: [table, ids, dy], outputs: [dtable] }) {
    const { model } = context
    const updates = context.read(dy)
    const indices = model.node('Expand', [context.as(ids, [-1, 1]), model.node('Shape', [updates])])
    const zeros = model.node('Expand', [model.scalar('f32', 0), model.node('Shape', [context.weight(table)])])
    context.define(
      dtable,
      model.node('ScatterElements', [zeros, indices, updates], { axis: 0, reduction: { text: 'add' } }),
    )
  },

  // With n = x / rms(x): dx = (dy gain - n mean(dy gain n)) / rms(x), dgain = sum over rows of dy n.
  rmsNormGradient(context, { inputs: [x, gain, dy], outputs: [dx, dgain], attributes: { eps } }) {
    const { model } = context
    const width = x.shape[x.shape.length - 1] as number
    const { inverse } = normalised(context, x, gain, eps)
    const [d, weight] = [context.read(dy), context.weight(gain)]
    const n = model.node('Mul', [context.read(x), inverse])
    const dn = model.node('Mul', [d, n])
    const mean = model.node('MatMul', [
      dn,
      model.node('Reshape', [model.node('Mul', [weight, model.scalar('f32', 1 / width)]), model.integers(-1, 1)]),
    ]) // [.., 1]
    const difference = model.node('Sub', [model.node('Mul', [d, weight]), model.node('Mul', [n, mean])])
    context.define(dx, model.node('Mul', [difference, inverse]))
    const rows = model.node('Reshape', [dn, model.integers(-1, width)])
    context.define(dgain, model.node('ReduceSum', [rows, model.integers(0)], { keepdims: 0 }))
  },

  // silu'(g) = s + silu(g) (1 - s), with s the sigmoid.
  siluMulGradient(context, { inputs: [gate, up, dy], outputs: [dgate, dup] }) {
    const { model } = context
    const made = silu(context, gate)
    const d = context.read(dy)
    context.define(dup, model.node('Mul', [d, made.silu]))
    const rest = model.node('Sub', [made.silu, model.node('Mul', [made.silu, made.sigmoid])])
    const slope = model.node('Add', [made.sigmoid, rest])
    context.define(dgate, model.node('Mul', [model.node('Mul', [d, context.read(up)]), slope]))
  },

  softmaxGradient(context, { inputs: [y, dy], outputs: [dx] }) {
    const { model } = context
    const [value, d] = [context.read(y), context.read(dy)]
    const total = model.node('ReduceSum', [model.node('Mul', [value, d]), model.integers(-1)], { keepdims: 1 })
    context.define(dx, model.node('Mul', [value, model.node('Sub', [d, total])]))
  },

  logSoftmaxGradient(context, { inputs: [y, dy], outputs: [dx] }) {
    const { model } = context
    const d = context.read(dy)
    const total = model.node('ReduceSum', [d, model.integers(-1)], { keepdims: 1 })
    context.define(dx, model.node('Sub', [d, model.node('Mul', [model.node('Exp', [context.read(y)]), total])]))
  },

  attentionGradient: blockAttentionGradientRule,
}

function cutDifference(context: LoweringContext, a: Value, b: Value) {
  return context.shared(`difference ${a.id} ${b.id}`, () => {
    const { model } = context
    const difference = model.node('Sub', [context.read(a), context.read(b)])
    return { difference, slope: model.node('Clip', [difference, model.scalar('f32', -1), model.scalar('f32', 1)]) }
  })
}
