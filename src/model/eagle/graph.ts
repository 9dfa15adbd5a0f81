import { type Dtype, type EagleHeadSpec, precisionOf } from '../../checkpoint/index.ts'
import { type Graph, GraphBuilder, type Value } from '../../graph/index.ts'
import { eagle3Layer, eagleLayer, fuseTaps, type LayerContext, norm, rotationOf } from '../../nn/index.ts'
import { draftHeadName } from '../draft-head.ts'

/**
 * One pass of a head: `positions` [rows], and `pair` [rows, 2 * hidden] of an `eagle`, `embedded` and `state`
 * [rows, hidden] of an `eagle3` -> the next `state` [rows, hidden], and what follows the token: its `logits`
 * [rows, draftVocab], and of the `top` likeliest the `top tokens` and `top log-probabilities` [rows, top].
 */
export function eagleGraph(spec: EagleHeadSpec, dtype: Dtype, top: number): Graph {
  const g = new GraphBuilder()
  const input = (name: string, width: number) => g.input(name, 'f32', ['rows', width])
  const { hiddenSize } = spec
  const inputs =
    spec.kind === 'eagle'
      ? [input('pair', 2 * hiddenSize)]
      : [input('embedded', hiddenSize), input('state', hiddenSize)]
  const context = contextOf(g, spec, dtype)
  const [state, entering] = layer(context, spec, inputs)
  const name = spec.kind === 'eagle' ? draftHeadName : 'lm_head.weight'
  const logits = g.linear(
    entering,
    g.weight(name, [spec.draftVocabSize, hiddenSize], precisionOf('lm_head.weight', dtype)),
  )
  const { values, indices } = g.topK(g.logSoftmax(logits), Math.min(top, spec.draftVocabSize))
  g.output('state', state)
  g.output('logits', logits)
  g.output('top tokens', indices)
  g.output('top log-probabilities', values)
  return g.build()
}

/** `taps` [rows, taps * targetHidden], hidden states of the target beside one another -> `state` [rows, hidden]. */
export function fuseGraph(spec: EagleHeadSpec, dtype: Dtype): Graph {
  const g = new GraphBuilder()
  const taps = g.input('taps', 'f32', ['rows', spec.taps.length * spec.targetHiddenSize])
  g.output('state', fuseTaps({ g, spec, precision: (tensor) => precisionOf(tensor, dtype) }, taps))
  return g.build()
}

/** The next state, and what of it enters the LM head. */
function layer(context: LayerContext, spec: EagleHeadSpec, inputs: readonly Value[]): [Value, Value] {
  if (spec.kind === 'eagle') {
    const state = eagleLayer(context, inputs[0], spec.fcBias)
    return [state, state]
  }
  const [embedded, state] = inputs
  const next = eagle3Layer(context, { embedded, state }, spec.normBeforeResidual)
  return [next, norm(context, next, 'norm')]
}

function contextOf(g: GraphBuilder, spec: EagleHeadSpec, dtype: Dtype): LayerContext {
  const positions = g.input('positions', 'i32', ['rows'])
  const precision = (tensor: string) => precisionOf(tensor, dtype)
  return { g, spec, precision, positions, rotation: rotationOf(spec.rope, spec.headDim) }
}
