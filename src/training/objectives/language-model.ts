import type { GraphBuilder, Value } from '../../graph/index.ts'
import { type DecoderSpec, decoderLayer, type LayerContext, norm, rotationOf } from '../../nn/index.ts'
import type { Objective } from '../objective.ts'

/** A decoder with its vocabulary. */
export interface LanguageModelSpec extends DecoderSpec {
  readonly vocabSize: number
  /** The LM head is the embedding table. */
  readonly tiedEmbeddings: boolean
}

/** Inputs of next-token prediction, all [rows]: ids in i32, and what each row counts in f32. */
export interface LanguageModelInputs {
  readonly tokens: Value
  readonly positions: Value
  readonly targets: Value
  readonly weights: Value
}

export function languageModelInputs(g: GraphBuilder): LanguageModelInputs {
  const ids = (name: string) => g.input(name, 'i32', ['rows'])
  const [tokens, positions, targets] = ['tokens', 'positions', 'targets'].map(ids)
  return { tokens, positions, targets, weights: g.input('weights', 'f32', ['rows']) }
}

/** Logits [rows, vocabulary] of a decoder whose tensors have the names of a checkpoint behind `prefix`. */
export function languageModelLogits(
  g: GraphBuilder,
  spec: LanguageModelSpec,
  { tokens, positions }: Pick<LanguageModelInputs, 'tokens' | 'positions'>,
  prefix = '',
): Value {
  const size = [spec.vocabSize, spec.hiddenSize]
  const embeddings = g.weight(`${prefix}model.embed_tokens.weight`, size)
  const features = trunk(g, spec, g.embedding(embeddings, tokens), positions, prefix) // [rows, hidden]
  return g.linear(features, spec.tiedEmbeddings ? embeddings : g.weight(`${prefix}lm_head.weight`, size))
}

/**
 * Next-token prediction: loss = sum over rows of weight * -log p(target). Inputs, all [rows]: `tokens`, `positions` and
 * `targets` in i32, `weights` in f32 (0 hides a row from the loss).
 */
export function languageModelObjective(spec: LanguageModelSpec): Objective {
  return {
    write(g) {
      const inputs = languageModelInputs(g)
      const losses = g.crossEntropy(languageModelLogits(g, spec, inputs), inputs.targets) // [rows]
      return { loss: g.sum(g.mul(losses, inputs.weights)), weight: g.sum(inputs.weights) }
    },
  }
}

function trunk(g: GraphBuilder, spec: DecoderSpec, embedded: Value, positions: Value, prefix: string): Value {
  const rotation = rotationOf(spec.rope, spec.headDim)
  const context: LayerContext = { g, spec, precision: 'f32', positions, rotation, cached: false }
  let x = embedded
  for (let layer = 0; layer < spec.layerCount; layer++)
    x = decoderLayer(context, x, `${prefix}model.layers.${layer}`, spec.windows[layer])
  return norm(context, x, `${prefix}model.norm`)
}
