import type { GraphBuilder, Precision, Value } from '../graph/index.ts'
import type { Rotation } from './rope.ts'
import type { DecoderSpec } from './spec.ts'

/** What every layer of one model has in common. */
export interface LayerContext {
  readonly g: GraphBuilder
  readonly spec: DecoderSpec
  readonly rotation: Rotation
  /** Of linear weights: all alike, or by the name of the tensor, the first one where a product joins several. */
  readonly precision: Precision | ((tensor: string) => Precision)
  readonly positions: Value // [rows]
  /** Whether keys and values stay behind for later runs; yes unless given. In training the rows are all there is. */
  readonly cached?: boolean
  /**
   * Where inputs that are joined are rounded: gives the columns of a weight a name of their own, so that each input has its
   * own product, and its own scale. Beside numbers a hundred times as large, 8 bits of one scale leave nothing of the others.
   */
  readonly columns?: (weight: string, start: number, end: number) => string
  /**
   * For a head that is trained on its own outputs, step after step over the same rows: keys and values of the steps
   * before, to which each attention adds its own. A row sees the path to it in the first step, and itself in the others,
   * which is what it will see when the head drafts a chain behind it.
   */
  readonly unrolled?: GraphKeysAndValues[]
  /**
   * In training: keys and values, each [entries, kvHeads, headDim], that the riders of the run see in the attention of this
   * name (`model.layers.0.self_attn`) before all else. Where keys are cached, the cache brings its own.
   */
  readonly prefix?: (attention: string) => GraphKeysAndValues
}

/** Each [rows, kvHeads, headDim], of a prefix [entries, kvHeads, headDim]. */
export interface GraphKeysAndValues {
  readonly keys: Value
  readonly values: Value
}

/**
 * One pre-norm decoder layer of the Llama family (Touvron et al. 2023):
 * x + Attention(norm(x)), then x + MLP(norm(x)). `prefix` is the layer's tensor names up to the dot.
 */
export function decoderLayer(context: LayerContext, x: Value, prefix: string, window: number | null): Value {
  const { g } = context
  const attended = g.add(
    x,
    selfAttention(context, norm(context, x, `${prefix}.input_layernorm`), `${prefix}.self_attn`, window),
  )
  return g.add(attended, mlp(context, norm(context, attended, `${prefix}.post_attention_layernorm`), `${prefix}.mlp`))
}

export function norm({ g, spec }: LayerContext, x: Value, name: string): Value {
  return g.rmsNorm(x, g.weight(`${name}.weight`, [x.shape[x.shape.length - 1] as number]), spec.normEps)
}

/** Attention with grouped queries (Ainslie et al. 2023); q, k and v are one product. */
export function selfAttention(context: LayerContext, x: Value, prefix: string, window: number | null): Value {
  const { g, spec, rotation, positions, cached = true } = context
  const front = context.prefix?.(prefix)
  const { headCount, kvHeadCount, headDim } = spec
  const sizes = [headCount, kvHeadCount, kvHeadCount].map((heads) => heads * headDim)
  const joined = project(
    context,
    x,
    ['q_proj', 'k_proj', 'v_proj'].map((name) => `${prefix}.${name}`),
    sizes,
    spec.qkvBias,
  )
  const parts = g.split(joined, sizes).map((part, i) => g.reshape(part, ['rows', sizes[i] / headDim, headDim]))
  const turned = (part: Value, name: string) =>
    g.rope(spec.qkNorm ? norm(context, part, `${prefix}.${name}`) : part, positions, rotation)
  const queries = turned(parts[0], 'q_norm')
  const steps = context.unrolled ?? []
  steps.push({ keys: turned(parts[1], 'k_norm'), values: parts[2] })
  const [{ keys, values }, ...own] = steps
  const mixed = g.attention(
    queries,
    keys,
    values,
    { cache: cached ? g.cache({ kvHeads: kvHeadCount, headDim }) : null, scale: 1 / Math.sqrt(headDim), window },
    {
      ...(front && { prefix: [front.keys, front.values] as const }),
      own: own.flatMap((step) => [step.keys, step.values]),
    },
  ) // [rows, heads * headDim]
  return project(context, mixed, [`${prefix}.o_proj`], [spec.hiddenSize], spec.outputBias)
}

/** SwiGLU: down(silu(gate(x)) * up(x)); gate and up are one product. */
export function mlp(context: LayerContext, x: Value, prefix: string): Value {
  const { g, spec } = context
  const sizes = [spec.intermediateSize, spec.intermediateSize]
  const [gate, up] = g.split(
    project(context, x, [`${prefix}.gate_proj`, `${prefix}.up_proj`], sizes, spec.mlpBias),
    sizes,
  )
  return project(context, g.siluMul(gate, up), [`${prefix}.down_proj`], [spec.hiddenSize], spec.mlpBias)
}

/** Several projections of one input as a single product: [.., K] -> [.., sum of sizes]. */
export function project(
  { g, precision }: Pick<LayerContext, 'g' | 'precision'>,
  x: Value,
  names: string[],
  sizes: number[],
  hasBias: boolean,
): Value {
  const outputs = sizes.reduce((a, b) => a + b)
  const inputs = x.shape[x.shape.length - 1] as number
  const weight = g.weight(
    names.map((name) => `${name}.weight`),
    [outputs, inputs],
    typeof precision === 'string' ? precision : precision(`${names[0]}.weight`),
  )
  return g.linear(
    x,
    weight,
    hasBias
      ? g.weight(
          names.map((name) => `${name}.bias`),
          [outputs],
        )
      : undefined,
  )
}
