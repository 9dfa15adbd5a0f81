import type { Target } from '../model/index.ts'

/** Logits held at once, per model. */
const blockLogits = 1 << 22
const longestBlock = 128

/** Rows to feed at once, so that their logits stay within some 16 MB whatever the vocabulary. */
export function blockRows(vocabSize: number): number {
  return Math.max(1, Math.min(longestBlock, Math.floor(blockLogits / vocabSize)))
}

/**
 * Logits after the tokens from index `from` on, [tokens.length - from, vocab]; all tokens are then part of the target's
 * text.
 */
export async function forwardLogits(target: Target, tokens: ArrayLike<number>, from = 0): Promise<Float32Array> {
  const rows = { tokens: Int32Array.from(tokens), parents: Int32Array.from(tokens, (_, i) => i - 1) }
  const path = Array.from(rows.tokens.keys())
  const headRows = path.slice(from)
  const { logits } = await target.forward(rows, headRows.length > 0 ? { head: 'logits', headRows } : {})
  target.commit(path)
  return logits ?? new Float32Array(0)
}

export interface LogProbabilities {
  /** Logits; less `shift` they are log p of each token, in nats. [vocab] */
  readonly values: Float32Array
  readonly shift: number
  /** The likeliest token, the lowest id of equals. */
  readonly top: number
}

/** The distribution of one row of `logits` [rows, vocab]. */
export function logProbabilities(logits: Float32Array, row: number, vocabSize: number): LogProbabilities {
  const values = logits.subarray(row * vocabSize, (row + 1) * vocabSize)
  let top = 0
  for (let id = 1; id < vocabSize; id++) if (values[id] > values[top]) top = id
  let sum = 0
  for (const value of values) sum += Math.exp(value - values[top])
  return { values, shift: values[top] + Math.log(sum), top }
}
