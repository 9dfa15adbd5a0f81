import { blockName, type Dtype, type MedusaSpec, precisionOf } from '../../checkpoint/index.ts'
import { type Graph, GraphBuilder } from '../../graph/index.ts'
import { residualBlocks } from '../../nn/index.ts'

/** The residual blocks: `feature` [rows, hidden] -> what enters the LM heads, beside one another: `states` [rows, heads * hidden]. */
export function medusaBlocksGraph({ headCount, layerCount, hiddenSize, bias }: MedusaSpec, dtype: Dtype): Graph {
  const g = new GraphBuilder()
  const feature = g.input('feature', 'f32', ['rows', hiddenSize])
  const context = { g, precision: (tensor: string) => precisionOf(tensor, dtype) }
  const names = (head: number) => Array.from({ length: layerCount }, (_, layer) => blockName(head, layer))
  const states = Array.from({ length: headCount }, (_, head) => residualBlocks(context, feature, names(head), bias))
  g.output('states', g.concat(states))
  return g.build()
}

/**
 * An LM head, the tensor `name`: `state` [rows, hidden] -> `logits` [rows, draftVocab], and of the `top` likeliest the
 * `top tokens` and `top log-probabilities` [rows, top].
 */
export function medusaLmHeadGraph(spec: MedusaSpec, name: string, dtype: Dtype, top: number): Graph {
  const g = new GraphBuilder()
  const state = g.input('state', 'f32', ['rows', spec.hiddenSize])
  const weight = g.weight(name, [spec.draftVocabSize, spec.hiddenSize], precisionOf('lm_head.weight', dtype))
  const logits = g.linear(state, weight)
  const { values, indices } = g.topK(g.logSoftmax(logits), Math.min(top, spec.draftVocabSize))
  g.output('logits', logits)
  g.output('top tokens', indices)
  g.output('top log-probabilities', values)
  return g.build()
}
