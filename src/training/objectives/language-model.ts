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
  const features = decoderFeatures(g, spec, { embedded: g.embedding(embeddings, tokens), positions }, prefix)
  return g.linear(features, lmHead(g, spec, prefix))
}

/** The matrix [vocabulary, hidden] that features become logits by. */
export function lmHead(g: GraphBuilder, spec: LanguageModelSpec, prefix = ''): Value {
  const name = spec.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight'
  return g.weight(prefix + name, [spec.vocabSize, spec.hiddenSize])
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

/** Features [rows, hidden] of rows that enter as `embedded` [rows, hidden]; riders among them see what `learned` says. */
export function decoderFeatures(
  g: GraphBuilder,
  spec: DecoderSpec,
  { embedded, positions }: { readonly embedded: Value; readonly positions: Value },
  prefix = '',
  learned?: LayerContext['prefix'],
): Value {
  const rotation = rotationOf(spec.rope, spec.headDim)
  const shared = { g, spec, precision: 'f32', positions, rotation, cached: false } as const
  const context: LayerContext = { ...shared, ...(learned && { prefix: learned }) }
  let x = embedded
  for (let layer = 0; layer < spec.layerCount; layer++)
    x = decoderLayer(context, x, `${prefix}model.layers.${layer}`, spec.windows[layer])
  return norm(context, x, `${prefix}model.norm`)
}
