import type { DecoderSpec } from '../../nn/index.ts'

/** EAGLE-1 and EAGLE-2 have the same weights and differ in the tree they grow. */
export type EagleKind = 'eagle' | 'eagle3'

/** The shape of an EAGLE head, one decoder layer (`layerCount` 1), and of the target it drafts for. */
export interface EagleHeadSpec extends DecoderSpec {
  readonly kind: EagleKind
  /** Tokens of the target. */
  readonly vocabSize: number
  /** Width of the target's hidden states; that of `eagle` is the head's own. */
  readonly targetHiddenSize: number
  readonly contextLength: number
  /** `eagle`: the projection of embedding and feature has a bias. */
  readonly fcBias: boolean
  /** `eagle3`: layers of the target (from 0) whose outputs are fused, low to high. Empty for `eagle`. */
  readonly taps: readonly number[]
  /**
   * Tokens that the head knows, the frequent ones: rows of the LM head that an `eagle3` has itself, and that an `eagle`
   * takes from its target.
   */
  readonly draftVocabSize: number
  /** `eagle3`: the residual stream begins with the normalised state; some trainers do so. */
  readonly normBeforeResidual: boolean
}
