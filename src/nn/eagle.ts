import type { Value } from '../graph/index.ts'
import { type LayerContext, mlp, norm, project, selfAttention } from './layers.ts'

/*
 * The layers of EAGLE heads. Each takes, for the pair of a position i, the state that the target (or the head itself)
 * had there and the embedding of token i + 1, and yields a guess at the state of position i + 1. Tensor names are the
 * published ones.
 */

/**
 * EAGLE-1 and EAGLE-2 (Li et al. 2024, section 4.1): x = fc(pair), then a decoder layer without a norm in front of its
 * attention. `pair` is [rows, 2 * hidden]: the embedding, then the feature. The result is the next feature [rows, hidden],
 * as it enters the target's own LM head.
 */
export function eagleLayer(context: LayerContext, pair: Value, fcBias: boolean): Value {
  const { g, spec } = context
  const x = project(context, pair, ['fc'], [spec.hiddenSize], fcBias)
  const attended = g.add(x, selfAttention(context, x, 'layers.0.self_attn', spec.windows[0]))
  return g.add(attended, mlp(context, norm(context, attended, 'layers.0.post_attention_layernorm'), 'layers.0.mlp'))
}

/** EAGLE-3 (Li et al. 2025, section 3.1): hidden states of several layers of the target [rows, taps * hidden] -> a state. */
export function fuseTaps(context: Pick<LayerContext, 'g' | 'spec' | 'precision'>, taps: Value): Value {
  return project(context, taps, ['fc'], [context.spec.hiddenSize], false)
}

/** What a pass of an EAGLE-3 head reads, both [rows, hidden]. */
export interface Eagle3Inputs {
  /** Embeddings of the next tokens. */
  readonly embedded: Value
  readonly state: Value
}

/**
 * EAGLE-3's layer: attention over [norm(embedding), norm(state)], twice as wide, beside a residual stream that begins
 * with the state, or with its norm where a head was trained so. The result is the next state, not normalised.
 */
export function eagle3Layer(
  context: LayerContext,
  { embedded, state }: Eagle3Inputs,
  normBeforeResidual: boolean,
): Value {
  const { g, spec } = context
  const normed = norm(context, state, 'midlayer.hidden_norm')
  const x = g.concat([norm(context, embedded, 'midlayer.input_layernorm'), normed])
  const attention = selfAttention(context, x, 'midlayer.self_attn', spec.windows[0])
  const attended = g.add(normBeforeResidual ? normed : state, attention)
  return g.add(attended, mlp(context, norm(context, attended, 'midlayer.post_attention_layernorm'), 'midlayer.mlp'))
}
