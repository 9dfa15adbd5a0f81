/**
 * Where heads get their logits. `own`: each has a matrix of its own, as first published. `shared`: one stored matrix for
 * all of them. `target`: the target's LM head, which is not stored again.
 */
export type MedusaLmHead = 'own' | 'shared' | 'target'

/**
 * Medusa heads (Cai et al. 2024, section 2.1): head k (from 1) guesses, from the target's feature h of a position, the
 * token k + 1 positions on: softmax(LM head (h + silu(W h + b))), with `layerCount` such residual blocks one after another.
 */
export interface MedusaSpec {
  readonly headCount: number
  readonly layerCount: number
  /** Width of the target's features. */
  readonly hiddenSize: number
  /** Tokens of the target. */
  readonly vocabSize: number
  /** Tokens that the heads know; they are the rows of their LM heads. */
  readonly draftVocabSize: number
  /** The residual blocks have biases. */
  readonly bias: boolean
  readonly lmHead: MedusaLmHead
}
