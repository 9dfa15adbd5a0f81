import type { Value } from '../graph/index.ts'
import { type LayerContext, mlp, norm, project, selfAttention } from './layers.ts'

/*
 * The layers of EAGLE heads. Each takes, for the pair of a position i, the state that the target (or the head itself)
 * had there and the embedding of token i + 1, and yields a guess at the state of position i + 1. Tensor names are the
 * published ones.
 */

/** What a pass of a head reads, both [rows, hidden]. */
export interface EagleInputs {
  /** Embeddings of the next tokens. */
  readonly embedded: Value
  readonly state: Value
}

/**
 * EAGLE-1 and EAGLE-2 (Li et al. 2024, section 4.1): x = fc([embedding, feature]), then a decoder layer without a norm in
 * front of its attention. The result is the next feature [rows, hidden], as it enters the target's own LM head.
 */
export function eagleLayer(context: LayerContext, { embedded, state }: EagleInputs, fcBias: boolean): Value {
  const { g, spec } = context
  const x = projectJoined(context, [embedded, state], fcBias)
  const attended = g.add(x, selfAttention(context, x, 'layers.0.self_attn', spec.windows[0]))
  return g.add(attended, mlp(context, norm(context, attended, 'layers.0.post_attention_layernorm'), 'layers.0.mlp'))
}

/** EAGLE-3 (Li et al. 2025, section 3.1): hidden states of layers of the target, each [rows, targetHidden] -> a state. */
export function fuseTaps(context: JoinedContext, taps: readonly Value[]): Value {
  return projectJoined(context, taps, false)
}

type JoinedContext = Pick<LayerContext, 'g' | 'spec' | 'precision' | 'columns'>

/** fc over inputs beside one another: one product, or the sum of one for each. */
function projectJoined(context: JoinedContext, inputs: readonly Value[], hasBias: boolean): Value {
  const { g, spec, precision, columns } = context
  if (columns === undefined) return project(context, g.concat(inputs), ['fc'], [spec.hiddenSize], hasBias)
  let start = 0
  const products = inputs.map((input, i) => {
    const width = input.shape[1] as number
    const name = columns('fc.weight', start, start + width)
    start += width
    const kept = typeof precision === 'string' ? precision : precision('fc.weight')
    const bias = hasBias && i === 0 ? g.weight('fc.bias', [spec.hiddenSize]) : undefined
    return g.linear(input, g.weight(name, [spec.hiddenSize, width], kept), bias)
  })
  return products.reduce((sum, product) => g.add(sum, product))
}

/**
 * EAGLE-3's layer: attention over [norm(embedding), norm(state)], twice as wide, beside a residual stream that begins
 * with the state, or with its norm where a head was trained so. The result is the next state, not normalised.
 */
export function eagle3Layer(
  context: LayerContext,
  { embedded, state }: EagleInputs,
  normBeforeResidual: boolean,
): Value {
  const { g, spec } = context
  const normed = norm(context, state, 'midlayer.hidden_norm')
  const x = g.concat([norm(context, embedded, 'midlayer.input_layernorm'), normed])
  const attention = selfAttention(context, x, 'midlayer.self_attn', spec.windows[0])
  const attended = g.add(normBeforeResidual ? normed : state, attention)
  return g.add(attended, mlp(context, norm(context, attended, 'midlayer.post_attention_layernorm'), 'midlayer.mlp'))
}
