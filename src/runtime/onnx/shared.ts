import type { Value } from '../../graph/index.ts'
import type { LoweringContext } from './context.ts'

/*
 * What an operation and its gradient both need, written once for the two.
 */

/** y [.., D] and the inverse root mean square of each row of x [.., 1]. */
export function normalised(context: LoweringContext, x: Value, gain: Value, eps: number) {
  return context.shared(`norm ${x.id} ${gain.id} ${eps}`, () => {
    const operands = [context.read(x), context.weight(gain)]
    const attributes = { axis: -1, epsilon: { float: eps } }
    const [y, inverse] = context.model.nodes('SimplifiedLayerNormalization', operands, attributes, 2)
    return { y, inverse }
  })
}

export function silu(context: LoweringContext, gate: Value) {
  return context.shared(`silu ${gate.id}`, () => {
    const name = context.read(gate)
    const sigmoid = context.model.node('Sigmoid', [name])
    return { sigmoid, silu: context.model.node('Mul', [name, sigmoid]) }
  })
}

export function logSoftmax(context: LoweringContext, x: Value): string {
  return context.shared(`log softmax ${x.id}`, () => context.model.node('LogSoftmax', [context.read(x)], { axis: -1 }))
}
