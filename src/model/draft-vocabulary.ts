/** Ids of a head's tokens as those of its target, and its logits over all of the target's tokens. */
export interface DraftVocabulary {
  targetTokens(tokens: Int32Array): Int32Array
  /** [rows, draftVocab] -> [rows, vocab]; -Infinity for tokens that the head does not know. */
  widened(logits: Float32Array): Float32Array
}

/** `targetIds` [draftVocab]; where there are none, the tokens are the target's own, and nothing is copied. */
export function draftVocabulary(vocabSize: number, targetIds: Int32Array | undefined): DraftVocabulary {
  if (targetIds === undefined) return { targetTokens: (tokens) => tokens, widened: (logits) => logits }
  return {
    targetTokens: (tokens) => tokens.map((token) => targetIds[token]),
    widened(logits) {
      const rows = logits.length / targetIds.length
      const wide = new Float32Array(rows * vocabSize).fill(Number.NEGATIVE_INFINITY)
      for (let row = 0; row < rows; row++)
        for (let i = 0; i < targetIds.length; i++)
          wide[row * vocabSize + targetIds[i]] = logits[row * targetIds.length + i]
      return wide
    },
  }
}
