import { type Dtype, type EagleHeadSpec, precisionOf } from '../../checkpoint/index.ts'
import { type Graph, GraphBuilder } from '../../graph/index.ts'
import { eagle3Layer, eagleLayer, fuseTaps, type LayerContext, norm, rotationOf } from '../../nn/index.ts'
import { draftHeadName } from '../draft-head.ts'
import { columnsName } from './columns.ts'

/** Widths of the inputs that `fc` reads beside one another. */
export function joinedWidths({ kind, hiddenSize, targetHiddenSize, taps }: EagleHeadSpec): number[] {
  return kind === 'eagle' ? [hiddenSize, hiddenSize] : taps.map(() => targetHiddenSize)
}

/**
 * One pass of a head: `embedded` and `state` [rows, hidden], `positions` [rows] -> the next `state` [rows, hidden], and what
 * follows the token: its `logits` [rows, draftVocab], and of the `top` likeliest the `top tokens` and `top
 * log-probabilities` [rows, top].
 */
export function eagleGraph(spec: EagleHeadSpec, dtype: Dtype, top: number): Graph {
  const g = new GraphBuilder()
  const input = (name: string) => g.input(name, 'f32', ['rows', spec.hiddenSize])
  const inputs = { embedded: input('embedded'), state: input('state') }
  const context = contextOf(g, spec, dtype)
  const isEagle = spec.kind === 'eagle'
  const state = isEagle
    ? eagleLayer(context, inputs, spec.fcBias)
    : eagle3Layer(context, inputs, spec.normBeforeResidual)
  const weight = g.weight(
    isEagle ? draftHeadName : 'lm_head.weight',
    [spec.draftVocabSize, spec.hiddenSize],
    precisionOf('lm_head.weight', dtype),
  )
  const logits = g.linear(isEagle ? state : norm(context, state, 'norm'), weight)
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
  const widths = joinedWidths(spec)
  const taps = g.input('taps', 'f32', ['rows', widths.reduce((a, b) => a + b)])
  const precision = (tensor: string) => precisionOf(tensor, dtype)
  g.output('state', fuseTaps({ g, spec, precision, columns: columnsName }, g.split(taps, widths)))
  return g.build()
}

function contextOf(g: GraphBuilder, spec: EagleHeadSpec, dtype: Dtype): LayerContext {
  const positions = g.input('positions', 'i32', ['rows'])
  const precision = (tensor: string) => precisionOf(tensor, dtype)
  return { g, spec, precision, positions, rotation: rotationOf(spec.rope, spec.headDim), columns: columnsName }
}
