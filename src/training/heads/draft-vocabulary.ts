import { PacelineError } from '../../errors.ts'
import type { PackedSplit } from '../data/index.ts'

type Documents = Pick<PackedSplit, 'tokens' | 'starts' | 'responseStarts' | 'documentCount'>

/** The tokens that a head knows. */
export interface DraftVocabulary {
  /** Ids of the target, rising; absent where the head knows all of them. */
  readonly targetIds?: Int32Array
  /** Of each token of the target its number among those, -1 where it is not there. [vocab] */
  readonly draftIds: Int32Array
  /** Share of the response tokens that are among them. */
  readonly coverage: number
}

/**
 * The `size` tokens that are the most frequent in responses, the lower id first among equals: a head need not weigh words
 * that its target hardly ever says, and guesses what it leaves out are never wrong, only missing (Zhao et al. 2025,
 * FR-Spec, section 3). Throws code `argument` for a size that cannot be.
 */
export function draftVocabulary(split: Documents, vocabSize: number, size: number = vocabSize): DraftVocabulary {
  if (!(Number.isSafeInteger(size) && size >= 1 && size <= vocabSize))
    throw new PacelineError(
      'argument',
      `a draft vocabulary of ${size} tokens: expected 1 to ${vocabSize}, the tokens of the target.`,
    )
  if (size === vocabSize) return knownVocabulary(split, vocabSize)
  const counts = countTokens(split, vocabSize)
  const ranked = Array.from(counts.keys()).sort((a, b) => counts[b] - counts[a] || a - b)
  return knownVocabulary(split, vocabSize, Int32Array.from(ranked.slice(0, size)).sort())
}

/** The vocabulary of these ids, rising; of all tokens unless given. */
export function knownVocabulary(split: Documents, vocabSize: number, targetIds?: Int32Array): DraftVocabulary {
  if (targetIds === undefined) return { draftIds: Int32Array.from({ length: vocabSize }, (_, id) => id), coverage: 1 }
  const draftIds = new Int32Array(vocabSize).fill(-1)
  for (const [draft, id] of targetIds.entries()) draftIds[id] = draft
  const counts = countTokens(split, vocabSize)
  const known = targetIds.reduce((sum, id) => sum + counts[id], 0)
  const all = counts.reduce((a, b) => a + b, 0)
  return { targetIds, draftIds, coverage: all === 0 ? 1 : known / all }
}

/** How often each token stands in responses [vocab]. */
export function countTokens(
  { tokens, starts, responseStarts, documentCount }: Documents,
  vocabSize: number,
): Float64Array {
  const counts = new Float64Array(vocabSize)
  for (let document = 0; document < documentCount; document++)
    for (let at = responseStarts[document]; at < starts[document + 1]; at++) counts[tokens[at]]++
  return counts
}
