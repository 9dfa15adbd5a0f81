import type { EagleHeadSpec, EagleKind } from '../../checkpoint/index.ts'
import { verify } from '../../decoding/index.ts'
import { type EagleHeadModel, loadEagleHead, type TargetModel } from '../../model/index.ts'
import { referenceExecutor } from '../../runtime/index.ts'
import type { TensorSource } from '../../tensor/index.ts'
import { memorySource } from '../../tensor/memory.ts'
import { Candidates } from './candidates.ts'
import type { Growth, GrowthLimits } from './growth.ts'

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
  { top = 10, seed = 1 } = {},
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
  return loadEagleHead(sources, { executor: referenceExecutor, dtype: 'f32', top })
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

/** Children of each path, best first, with their probabilities; a path is the letters of its tokens. */
export type Table = (path: string) => Readonly<Record<string, number>>

export function tableOf(entries: Readonly<Record<string, Readonly<Record<string, number>>>>): Table {
  return (path) => entries[path] ?? {}
}

/** What a growth makes of a head that is a table: its guesses and what each pass read, both as paths. */
export async function growing(growth: Growth, table: Table, limits: Partial<GrowthLimits> = {}) {
  const { candidates, chosen, passes } = await grown(growth, table, limits)
  const pathOf = (node: number) => letters(candidates.pathTo(node))
  return { tree: chosen.slice(1).map(pathOf), passes: passes.map((nodes) => nodes.map(pathOf)) }
}

/** A step of a growth over a table; told that the target writes `text`, if that is given. */
export async function grown(
  growth: Growth,
  table: Table,
  { guesses = 100, rootRows = 1 }: Partial<GrowthLimits> = {},
  text?: string,
) {
  const candidates = new Candidates(0)
  const passes: (readonly number[])[] = []
  const chosen = await growth.grow(
    candidates,
    async (nodes) => {
      passes.push(nodes)
      return nodes.map((node) => {
        const children = Object.entries(table(letters(candidates.pathTo(node)))).slice(0, growth.width)
        return candidates.add(
          node,
          children.map(([letter, p]) => ({ token: letter.charCodeAt(0), logProbability: Math.log(p) })),
        )
      })
    },
    { guesses, rootRows },
  )
  if (text !== undefined) {
    const { path, bonus } = verify(candidates.tree(chosen), nextOf(candidates, chosen, text))
    const emitted = [...path.slice(1).map((row) => candidates.at(chosen[row]).token), bonus]
    const rows = passes.map((nodes) => (nodes[0] === 0 ? rootRows : nodes.length))
    growth.observe?.({ candidates, chosen, passes: rows, path, emitted })
  }
  return { candidates, chosen, passes }
}

const nextOf = (candidates: Candidates, chosen: readonly number[], text: string) => (row: number) =>
  text.charCodeAt(candidates.at(chosen[row]).depth) || 0

const letters = (tokens: readonly number[]) => String.fromCharCode(...tokens)
