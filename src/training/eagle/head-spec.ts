import type { EagleHeadSpec, EagleKind, ModelSpec } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'

/** How a new head is to be; what it does not say is as in the target. */
export interface NewHead {
  readonly kind: EagleKind
  readonly intermediateSize?: number
  readonly headCount?: number
  readonly kvHeadCount?: number
  /** `eagle3`: layers (from 0) whose outputs are fused, low to high. The published ones unless given. */
  readonly taps?: readonly number[]
}

/**
 * The specification of a new head: a layer of the target's own shape unless told otherwise.
 * Throws code `argument` for heads or taps that cannot be.
 */
export function newHeadSpec(target: ModelSpec, head: NewHead, draftVocabSize: number): EagleHeadSpec {
  const { kind, headCount = target.headCount, kvHeadCount = target.kvHeadCount } = head
  if (!(headCount >= 1 && kvHeadCount >= 1 && headCount % kvHeadCount === 0))
    throw new PacelineError('argument', `${headCount} query heads do not share ${kvHeadCount} key heads evenly.`)
  const { hiddenSize, headDim, normEps, rope, vocabSize, contextLength } = target
  const taps = kind === 'eagle3' ? (head.taps ?? publishedTaps(target.layerCount)) : []
  for (const tap of taps)
    if (!(Number.isInteger(tap) && tap >= 0 && tap < target.layerCount))
      throw new PacelineError('argument', `taps: there is no layer ${tap}, expected 0 to ${target.layerCount - 1}.`)
  return {
    ...{ kind, vocabSize, contextLength, draftVocabSize, taps, hiddenSize, targetHiddenSize: hiddenSize },
    ...{ headCount, kvHeadCount, headDim, normEps, rope },
    intermediateSize: head.intermediateSize ?? target.intermediateSize,
    layerCount: 1,
    fcBias: false,
    qkvBias: false,
    outputBias: false,
    mlpBias: false,
    qkNorm: false,
    windows: [null],
    normBeforeResidual: false,
  }
}

/** The states that enter layers 2, L / 2 and L - 3 (Li et al. 2025, section 3.1; ids as in their code). */
function publishedTaps(layers: number): number[] {
  const taps = [1, Math.floor(layers / 2) - 1, layers - 4]
  if (!(taps[0] < taps[1] && taps[1] < taps[2]))
    throw new PacelineError(
      'argument',
      `a target of ${layers} layers is too shallow for the usual taps (after layers 1, L/2 - 1, L - 4): name three with --taps.`,
    )
  return taps
}
