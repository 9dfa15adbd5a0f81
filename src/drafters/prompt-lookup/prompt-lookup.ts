import { chain, type Drafter } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import { ChainDrafting, constant, type Policy } from '../policies/index.ts'
import { NgramIndex } from './ngram-index.ts'

export interface PromptLookupOptions {
  /**
   * Guesses per step at most. With the root, 7 make the 8 rows that a pass checks for little more than the price of one;
   * with a policy, which knows better, 16 unless given.
   */
  readonly guesses?: number
  /** Says how far ahead to guess: as far as `guesses` unless given. */
  readonly policy?: Policy
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
export function promptLookup({ policy, ...options }: PromptLookupOptions = {}): Drafter {
  const { guesses = policy ? 16 : 7, maxNgram = 3, minNgram = 2 } = options
  for (const [name, value, low] of [
    ['guesses', guesses, 1],
    ['minNgram', minNgram, 1],
    ['maxNgram', maxNgram, minNgram],
  ] as const)
    if (!Number.isInteger(value) || value < low)
      throw new PacelineError('argument', `prompt-lookup: ${name} is ${value}, expected an integer of at least ${low}`)
  const drafting = new ChainDrafting(policy ?? constant(guesses))
  let seen = new NgramIndex(minNgram, maxNgram)
  return {
    name: policy ? `prompt-lookup:${policy.name}` : 'prompt-lookup',
    start({ tokens, ends }) {
      drafting.begin(ends)
      seen = new NgramIndex(minNgram, maxNgram)
      seen.append(tokens)
    },
    async propose(root, { rows }) {
      const found = seen.continuation(Math.min(guesses, rows - 1))
      const drafted = await drafting.draft(found.length, (index) => ({ token: found[index] }))
      return {
        tree: chain(
          root,
          drafted.map(({ token }) => token),
        ),
      }
    },
    observe(verdict) {
      drafting.settle(verdict)
      seen.append(verdict.emitted)
    },
  }
}
