import { chain, type Drafter } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import { NgramIndex } from './ngram-index.ts'

export interface PromptLookupOptions {
  /** Guesses per step at most. With the root, 7 make the 8 rows that a pass checks for little more than the price of one. */
  readonly guesses?: number
  /** A continuation is looked up by the longest of the text's endings that are this long ... */
  readonly maxNgram?: number
  /** ... down to this long. Single tokens recur too often to mean anything. */
  readonly minNgram?: number
}

/**
 * Prompt lookup (Saxena 2023): what followed these tokens before, in the prompt or in the text so far, may follow them
 * again. Costs almost nothing; pays where text is copied: summaries, edits, answers over a passage.
 * Throws code `argument` for options out of range.
 */
export function promptLookup({ guesses = 7, maxNgram = 3, minNgram = 2 }: PromptLookupOptions = {}): Drafter {
  for (const [name, value, low] of [
    ['guesses', guesses, 1],
    ['minNgram', minNgram, 1],
    ['maxNgram', maxNgram, minNgram],
  ] as const)
    if (!Number.isInteger(value) || value < low)
      throw new PacelineError('argument', `prompt-lookup: ${name} is ${value}, expected an integer of at least ${low}`)
  let seen = new NgramIndex(minNgram, maxNgram)
  return {
    name: 'prompt-lookup',
    start({ tokens }) {
      seen = new NgramIndex(minNgram, maxNgram)
      seen.append(tokens)
    },
    propose: (root, { rows }) => ({ tree: chain(root, seen.continuation(Math.min(guesses, rows - 1))) }),
    observe({ emitted }) {
      seen.append(emitted)
    },
  }
}
