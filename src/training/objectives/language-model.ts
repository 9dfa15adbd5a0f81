import type { GraphBuilder, Value } from '../../graph/index.ts'
import { type DecoderSpec, decoderLayer, type LayerContext, norm, rotationOf } from '../../nn/index.ts'
import type { Objective } from '../objective.ts'

/** A decoder with its vocabulary. */
export interface LanguageModelSpec extends DecoderSpec {
  readonly vocabSize: number
  /** The LM head is the embedding table. */
  readonly tiedEmbeddings: boolean
}

const table = 'model.embed_tokens.weight'

/**
 * Next-token prediction: loss = sum over rows of weight * -log p(target). Inputs, all [rows]: `tokens`, `positions` and
 * `targets` in i32, `weights` in f32 (0 hides a row from the loss).
 */
export function languageModelObjective(spec: LanguageModelSpec): Objective {
  return {
    write(g) {
      const [tokens, positions, targets] = ['tokens', 'positions', 'targets'].map((name) =>
        g.input(name, 'i32', ['rows']),
      )
      const weights = g.input('weights', 'f32', ['rows'])
      const embeddings = g.weight(table, [spec.vocabSize, spec.hiddenSize])
      const features = trunk(g, spec, g.embedding(embeddings, tokens), positions) // [rows, hidden]
      const head = spec.tiedEmbeddings ? embeddings : g.weight('lm_head.weight', [spec.vocabSize, spec.hiddenSize])
      const losses = g.crossEntropy(g.linear(features, head), targets) // [rows]
      return { loss: g.sum(g.mul(losses, weights)), weight: g.sum(weights) }
    },
  }
}

function trunk(g: GraphBuilder, spec: DecoderSpec, embedded: Value, positions: Value): Value {
  const rotation = rotationOf(spec.rope, spec.headDim)
  const context: LayerContext = { g, spec, precision: 'f32', positions, rotation, cached: false }
  let x = embedded
  for (let layer = 0; layer < spec.layerCount; layer++)
    x = decoderLayer(context, x, `model.layers.${layer}`, spec.windows[layer])
  return norm(context, x, 'model.norm')
}
