import { PacelineError } from '../errors.ts'
import type { GraphBuilder } from './builder.ts'
import type { AllOperations, Node, OpName, Value } from './types.ts'

/** What a rule writes with, and the operation it stands for. */
interface Context<O extends OpName> {
  readonly g: GraphBuilder
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly attributes: AllOperations[O]
}

/**
 * Given the gradients of an operation's outputs (undefined: the loss does not depend on that output), writes those of
 * its inputs, in order; null for an input that has none, such as ids.
 */
export type GradientRule<O extends OpName> = (
  context: Context<O>,
  gradients: readonly (Value | undefined)[],
) => readonly (Value | null)[]

/** How each operation passes a gradient back: reverse mode, one rule per operation. */
export const gradients: { readonly [O in OpName]: GradientRule<O> } = {
  linear: ({ g, inputs: [x, weight, bias] }, [dy]) => [
    g.apply('linearInputGradient', [dy!, weight], {})[0],
    g.apply('linearWeightGradient', [dy!, x], {})[0],
    ...(bias ? [g.apply('sumRows', [dy!], {})[0]] : []),
  ],
  rmsNorm: ({ g, inputs: [x, gain], attributes }, [dy]) => g.apply('rmsNormGradient', [x, gain, dy!], attributes),
  // A rotation is undone by the opposite one: its transpose is its inverse.
  rope: ({ g, inputs: [, positions], attributes: { frequencies, scale } }, [dy]) => [
    g.rope(dy!, positions, { frequencies: frequencies.map((f) => -f), scale }),
    null,
  ],
  attention: ({ g, inputs, attributes: { cache, ...attributes } }, [dy]) => {
    if (cache !== null)
      throw new PacelineError(
        'unsupported',
        'attention over a cache has no gradient: its keys are not values of the graph',
      )
    return g.apply('attentionGradient', [dy!, ...inputs], attributes)
  },
  siluMul: ({ g, inputs: [gate, up] }, [dy]) => g.apply('siluMulGradient', [gate, up, dy!], {}),
  // silu(x) is silu(x) times 1.
  silu: ({ g, inputs: [x] }, [dy]) => [g.apply('siluMulGradient', [x, ones(g, x), dy!], {})[0]],
  add: (_, [dy]) => [dy!, dy!],
  split: ({ g, outputs }, parts) => [g.concat(parts.map((part, i) => part ?? zeros(g, outputs[i])))],
  concat: ({ g, inputs }, [dy]) =>
    g.split(
      dy!,
      inputs.map(({ shape }) => shape[shape.length - 1] as number),
    ),
  reshape: ({ g, inputs: [x] }, [dy]) => [g.reshape(dy!, x.shape)],
  argmax: none('argmax'),
  topK: none('topK'),
  softmax: ({ g, outputs: [y] }, [dy]) => g.apply('softmaxGradient', [y, dy!], {}),
  logSoftmax: ({ g, outputs: [y] }, [dy]) => g.apply('logSoftmaxGradient', [y, dy!], {}),

  embedding: ({ g, inputs: [table, ids] }, [dy]) => [g.apply('embeddingGradient', [table, ids, dy!], {})[0], null],
  crossEntropy: ({ g, inputs: [logits, targets] }, [dy]) => [
    g.apply('crossEntropyGradient', [logits, targets, dy!], {})[0],
    null,
  ],
  softCrossEntropy: ({ g, inputs: [logits, p] }, [dy]) => g.apply('softCrossEntropyGradient', [logits, p, dy!], {}),
  smoothL1: ({ g, inputs: [a, b] }, [dy]) => {
    const [da] = g.apply('smoothL1Gradient', [a, b, dy!], {})
    return [da, g.scale(da, -1)]
  },
  // Constant wherever it has a slope.
  equal: () => [null, null],
  stopGradient: () => [null],
  mul: ({ g, inputs: [a, b] }, [dy]) => [g.mul(dy!, b), g.mul(dy!, a)],
  scale: ({ g, attributes: { by } }, [dy]) => [g.scale(dy!, by)],
  constant: () => [],
  sum: ({ g, inputs: [x] }, [dy]) => g.apply('broadcast', [dy!, x], {}),
  broadcast: ({ g }, [dy]) => [g.sum(dy!), null],

  sumRows: none('sumRows'),
  linearInputGradient: none('linearInputGradient'),
  linearWeightGradient: none('linearWeightGradient'),
  embeddingGradient: none('embeddingGradient'),
  rmsNormGradient: none('rmsNormGradient'),
  siluMulGradient: none('siluMulGradient'),
  softmaxGradient: none('softmaxGradient'),
  logSoftmaxGradient: none('logSoftmaxGradient'),
  crossEntropyGradient: none('crossEntropyGradient'),
  softCrossEntropyGradient: none('softCrossEntropyGradient'),
  smoothL1Gradient: none('smoothL1Gradient'),
  attentionGradient: none('attentionGradient'),
}

const repeated = (g: GraphBuilder, value: number, like: Value) => g.apply('broadcast', [g.constant(value), like], {})[0]
const zeros = (g: GraphBuilder, like: Value) => repeated(g, 0, like)
const ones = (g: GraphBuilder, like: Value) => repeated(g, 1, like)

/** The row of an operation that a loss must not depend on. */
function none(op: OpName): () => never {
  return () => {
    throw new PacelineError('unsupported', `the loss depends on the result of "${op}", which has no gradient`)
  }
}

export function gradientsOf(g: GraphBuilder, node: Node, dys: readonly (Value | undefined)[]) {
  return (gradients[node.op] as GradientRule<OpName>)({ g, ...node }, dys)
}
