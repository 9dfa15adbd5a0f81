import { PacelineError } from '../errors.ts'
import type { KeysAndValues } from '../runtime/index.ts'
import type { Embedding } from './embedding.ts'

/** What a method has taught rows that are carried along a pass and are no text (BiTA, Lin et al. 2024, section 3.1). */
export interface LearnedRiders {
  /** What they enter the trunk with, [count, hidden]: as token `vocabSize + i` a rider is vector i. */
  readonly vectors: Float32Array
  /** Of each layer the keys and values that riders see before all else, and no other row does; none unless given. */
  readonly prefix?: readonly KeysAndValues[]
}

/** Throws code `argument` unless the vectors are whole rows of `hiddenSize`. */
export function checkVectors({ vectors }: LearnedRiders, hiddenSize: number): void {
  if (vectors.length % hiddenSize !== 0)
    throw new PacelineError(
      'argument',
      `vectors of riders: expected [count, ${hiddenSize}] numbers, got ${vectors.length} in all`,
    )
}

/**
 * Rows [tokens, hidden] of a pass: those from `ridersFrom` on may be vectors of riders. Throws code `argument` for a token
 * that is neither of the vocabulary nor, of a rider, a vector that there is.
 */
export async function lookupRows(
  embedding: Embedding,
  tokens: Int32Array,
  { ridersFrom, riders, vocabSize, hiddenSize }: RiderRows,
): Promise<Float32Array> {
  const count = riders === undefined ? 0 : riders.vectors.length / hiddenSize
  const isVector = (token: number, row: number) => row >= ridersFrom && token >= vocabSize && token < vocabSize + count
  if (!tokens.some(isVector)) return embedding.lookup(tokens)
  const rows = await embedding.lookup(tokens.map((token, row) => (isVector(token, row) ? 0 : token)))
  for (const [row, token] of tokens.entries()) {
    if (!isVector(token, row)) continue
    const from = (token - vocabSize) * hiddenSize
    rows.set(riders!.vectors.subarray(from, from + hiddenSize), row * hiddenSize)
  }
  return rows
}

export interface RiderRows {
  /** The first rider of the pass. */
  readonly ridersFrom: number
  readonly riders: LearnedRiders | undefined
  readonly vocabSize: number
  readonly hiddenSize: number
}
