import { type Dtype, type ModelSpec, precisionOf } from '../checkpoint/index.ts'
import { type Graph, GraphBuilder } from '../graph/index.ts'
import { decoderLayer, type LayerContext, norm, rotationOf } from '../nn/index.ts'

/**
 * The trunk: embeddings `x` [rows, hidden] and `positions` [rows] -> `features` [rows, hidden], the vectors that enter
 * the LM head. `taps` names layers whose output is wanted too: `tap 3` is the hidden state after layer 3 (from 0).
 */
export function trunkGraph(spec: ModelSpec, dtype: Dtype, taps: readonly number[] = []): Graph {
  const g = new GraphBuilder()
  let x = g.input('x', 'f32', ['rows', spec.hiddenSize]) as LayerContext['positions']
  const positions = g.input('positions', 'i32', ['rows'])
  const precision = (tensor: string) => precisionOf(tensor, dtype, spec.recipe)
  const context: LayerContext = { g, spec, precision, positions, rotation: rotationOf(spec.rope, spec.headDim) }
  for (let layer = 0; layer < spec.layerCount; layer++) {
    x = decoderLayer(context, x, `model.layers.${layer}`, spec.windows[layer])
    if (taps.includes(layer)) g.output(`tap ${layer}`, x)
  }
  g.output('features', norm(context, x, 'model.norm'))
  return g.build()
}

/**
 * The LM head: `features` [rows, hidden] -> `logits` [rows, vocab] and `argmax` [rows], the lowest id of equals. With
 * `top` > 0 also the likeliest tokens, `top tokens` and their `top log-probabilities`, each [rows, top].
 */
export function headGraph(spec: ModelSpec, dtype: Dtype, top = 0): Graph {
  const g = new GraphBuilder()
  const name = spec.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight'
  const features = g.input('features', 'f32', ['rows', spec.hiddenSize])
  const precision = precisionOf('lm_head.weight', dtype, spec.recipe)
  const logits = g.linear(features, g.weight(name, [spec.vocabSize, spec.hiddenSize], precision))
  g.output('logits', logits)
  g.output('argmax', g.argmax(logits))
  if (top > 0) {
    const { values, indices } = g.topK(g.logSoftmax(logits), Math.min(top, spec.vocabSize))
    g.output('top tokens', indices)
    g.output('top log-probabilities', values)
  }
  return g.build()
}
