import { type Dtype, eagleHeadTensors, type ModelSpec, randomSource } from '../checkpoint/index.ts'
import { createSampler, decode, prefill } from '../decoding/index.ts'
import { type DynamicTreeSizes, dynamicTree, eagle } from '../drafters/index.ts'
import { median } from '../median.ts'
import { type EagleHeadModel, loadEagleHead, loadTargetModel, type TargetModel } from '../model/index.ts'
import type { Executor } from '../runtime/index.ts'
import type { TensorSource } from '../tensor/index.ts'
import { newHeadSpec } from '../training/index.ts'
import { fill, timePass } from './passes.ts'

/** What a drafting phase of EAGLE-2 costs beside a model, whatever the head has learned. */
export interface Drafting {
  readonly dtype: Dtype
  readonly headDtype: Dtype
  /** Positions in both caches. */
  readonly context: number
  /** Passes of the head in one phase. */
  readonly passes: number
  /** Of a whole phase, in milliseconds: the median. */
  readonly ms: number
  /** Of a one-row pass of the model, in milliseconds: the median. */
  readonly rowMs: number
  /** D: a phase over the one-row passes right before and behind it; the median. */
  readonly cost: number
  /** Bytes of weights that a pass of the head reads, and one of the model. */
  readonly headBytes: number
  readonly targetBytes: number
  /** D if a pass took as long as reading its weights, at the speed at which the model's are read. */
  readonly limit: number
}

export interface DraftingOptions {
  readonly spec: ModelSpec
  readonly source: TensorSource
  readonly executor: Executor
  readonly dtype: Dtype
  readonly headDtype: Dtype
  /** Tokens that the head knows. */
  readonly draftVocab: number
  readonly tree: DynamicTreeSizes
  readonly context: number
  /** Steps that are measured. */
  readonly rounds: number
  readonly onProgress?: (phase: 'load' | 'measure', share: number) => void
}

/** Steps before those that are measured. */
const warmUp = 3

/**
 * Decodes with a head of random weights of the model's own shape: its guesses are wrong, and cost what right ones would. Throws code
 * `argument` for a head that cannot be, `context` where the context leaves no room.
 */
export async function measureDrafting(options: DraftingOptions): Promise<Drafting> {
  const { spec, source, executor, dtype, headDtype, draftVocab, tree, onProgress } = options
  const headSpec = newHeadSpec(spec, { kind: 'eagle' }, draftVocab)
  const model = await loadTargetModel(spec, source, {
    ...{ executor, dtype },
    onProgress: (share) => onProgress?.('load', share),
  })
  try {
    const targetIds = Int32Array.from({ length: draftVocab }, (_, id) => id)
    const head = await loadEagleHead(
      {
        ...{ spec: headSpec, head: randomSource(eagleHeadTensors(headSpec), 1), target: model, targetSource: source },
        ...(draftVocab < spec.vocabSize && { targetIds }),
      },
      { executor, dtype: headDtype, top: tree.width },
    )
    try {
      return await measure(model, head, options)
    } finally {
      await head.dispose()
    }
  } finally {
    await model.dispose()
  }
}

async function measure(
  model: TargetModel,
  head: EagleHeadModel,
  { spec, dtype, headDtype, tree, context, rounds, onProgress }: DraftingOptions,
): Promise<Drafting> {
  const capacity = context + (rounds + warmUp) * tree.depth + tree.rows
  const [target, beside] = [model.createTarget(capacity), model.createTarget(context + 1)]
  const drafter = eagle('eagle2', head, dynamicTree(tree))
  try {
    await fill(beside, context)
    const prompt = Array.from({ length: context }, (_, at) => (at * 7) % spec.vocabSize)
    const sampler = createSampler({}, spec.vocabSize)
    const decoding = { sampler, maxTokens: capacity, eosTokenIds: [] }
    await prefill(target, drafter, prompt, decoding)
    const ones: number[] = []
    const phases: number[] = []
    const ratios: number[] = []
    let passes = 0
    let before = await timePass(beside, 1, 'argmax')
    for await (const { draftMs, draftForwards } of decode(target, drafter, prompt, decoding)) {
      const after = await timePass(beside, 1, 'argmax')
      passes = draftForwards
      phases.push(draftMs)
      ones.push(after)
      ratios.push((2 * draftMs) / (before + after))
      before = after
      onProgress?.('measure', Math.min(1, phases.length / (rounds + warmUp)))
      if (phases.length === rounds + warmUp) break
    }
    const [ms, rowMs, cost] = [phases, ones, ratios].map((values) => median(values.slice(warmUp)))
    const [headBytes, targetBytes] = [head.weightBytes, model.streamedBytes]
    const limit = (passes * headBytes) / targetBytes
    return { dtype, headDtype, context, passes, ms, rowMs, cost, headBytes, targetBytes, limit }
  } finally {
    await drafter.dispose?.()
    target.dispose()
    beside.dispose()
  }
}
