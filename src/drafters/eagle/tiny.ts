import type { EagleHeadSpec, EagleKind } from '../../checkpoint/index.ts'
import { concatenate } from '../../decoding/index.ts'
import { type EagleHeadModel, loadEagleHead, type TargetModel } from '../../model/index.ts'
import { type Executor, referenceExecutor } from '../../runtime/index.ts'
import type { TensorSource } from '../../tensor/index.ts'
import { memorySource } from '../../tensor/memory.ts'

/** Taps of a tiny target of two layers. */
export const tinyTaps = [0, 0, 1]

/** Tokens that a tiny `eagle3` knows: every one but each third. */
const knownTokens = (vocabSize: number) =>
  Int32Array.from({ length: vocabSize }, (_, token) => token).filter((token) => token % 3 !== 2)

/** A head of random weights for a target, of its first `top` likeliest tokens; equal seeds give equal weights. */
export async function tinyHead(
  kind: EagleKind,
  target: TargetModel,
  targetSource: TensorSource,
  { top = 10, seed = 1, executor = referenceExecutor }: { top?: number; seed?: number; executor?: Executor } = {},
): Promise<EagleHeadModel> {
  const { vocabSize, hiddenSize, normEps } = target.spec
  const targetIds = kind === 'eagle3' ? knownTokens(vocabSize) : undefined
  const spec: EagleHeadSpec = {
    ...target.spec,
    kind,
    layerCount: 1,
    windows: [null],
    normEps,
    targetHiddenSize: hiddenSize,
    fcBias: true,
    taps: kind === 'eagle3' ? tinyTaps : [],
    draftVocabSize: targetIds?.length ?? vocabSize,
    normBeforeResidual: false,
  }
  const head = memorySource(weightsOf(spec, seed))
  const sources = { spec, head, target, targetSource, ...(targetIds && { targetIds }) }
  return loadEagleHead(sources, { executor, dtype: 'f32', top })
}

function weightsOf(spec: EagleHeadSpec, seed: number) {
  const { kind, hiddenSize: h, intermediateSize: wide, headCount, kvHeadCount, headDim } = spec
  const layer = kind === 'eagle' ? 'layers.0' : 'midlayer'
  const entering = kind === 'eagle' ? h : 2 * h
  const shapes: Record<string, readonly number[]> = {
    'fc.weight': [h, kind === 'eagle' ? 2 * h : spec.taps.length * spec.targetHiddenSize],
    [`${layer}.self_attn.q_proj.weight`]: [headCount * headDim, entering],
    [`${layer}.self_attn.k_proj.weight`]: [kvHeadCount * headDim, entering],
    [`${layer}.self_attn.v_proj.weight`]: [kvHeadCount * headDim, entering],
    [`${layer}.self_attn.o_proj.weight`]: [h, headCount * headDim],
    [`${layer}.mlp.gate_proj.weight`]: [wide, h],
    [`${layer}.mlp.up_proj.weight`]: [wide, h],
    [`${layer}.mlp.down_proj.weight`]: [h, wide],
    [`${layer}.post_attention_layernorm.weight`]: [h],
    ...(kind === 'eagle'
      ? { 'fc.bias': [h] }
      : {
          [`${layer}.hidden_norm.weight`]: [h],
          [`${layer}.input_layernorm.weight`]: [h],
          'norm.weight': [h],
          'lm_head.weight': [spec.draftVocabSize, h],
        }),
  }
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const length = shape.reduce((a, b) => a * b, 1)
      const [centre, spread] = shape.length === 1 ? [1, 0.5] : [0, 2 / Math.sqrt(shape[1])]
      const data = Float32Array.from({ length }, () => centre + spread * next())
      return [name, { dtype: 'f32' as const, shape, data }]
    }),
  )
}

/** What a target yields of every position of a text, as a head of this kind wants it. */
export async function tinyStates(
  kind: EagleKind,
  target: TargetModel,
  tokens: readonly number[],
): Promise<Float32Array> {
  if (tokens.length === 0) return new Float32Array()
  const made = target.createTarget()
  const rows = { tokens: Int32Array.from(tokens), parents: Int32Array.from(tokens, (_, i) => i - 1) }
  const { features, taps } = await made.forward(rows, { features: true, taps: [0, 1] })
  made.dispose()
  if (kind === 'eagle') return features!
  const { hiddenSize } = target.spec
  return concatenate(
    tokens.flatMap((_, row) => tinyTaps.map((tap) => taps![tap].subarray(row * hiddenSize, (row + 1) * hiddenSize))),
  )
}
