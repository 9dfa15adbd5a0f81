import type { PassCosts } from '../../decoding/index.ts'

export interface Configuration {
  readonly window: number
  readonly ngram: number
  readonly guesses: number
  /** Tokens per pass. */
  readonly tau: number
  /** Rows of a pass on average: rarely are there as many different n-grams as there may be. */
  readonly rows: number
}

/**
 * From small to large, and what became of each with the demo target: the mean of greedy text and of text at temperature
 * 0.8, of the first six prompts of each task of bench/prompts, 128 tokens at most
 * (`paceline generate models/demo --chat PROMPT --max-tokens 128 --drafter lookahead:W-N-G`). Others that were measured
 * took more rows than one of these for no more tokens. Other targets and texts have other taus; what is needed of these
 * is how they compare.
 */
const ladder: readonly Configuration[] = [
  { window: 1, ngram: 3, guesses: 2, tau: 1.57, rows: 3.7 },
  { window: 1, ngram: 4, guesses: 2, tau: 1.73, rows: 5.5 },
  { window: 1, ngram: 5, guesses: 2, tau: 1.81, rows: 7.1 },
  { window: 2, ngram: 5, guesses: 2, tau: 1.85, rows: 11.2 },
  { window: 4, ngram: 5, guesses: 4, tau: 1.96, rows: 20.2 },
  { window: 10, ngram: 5, guesses: 4, tau: 2.04, rows: 42.4 },
]

/**
 * Of a few configurations the one of the greatest S = tau / (D + v + h), the smaller one among equals. D and h are left
 * out: looking up n-grams takes far less than a pass, and about the same time whichever it is.
 */
export function chooseConfiguration({ v }: Pick<PassCosts, 'v'>): Configuration {
  const speed = ({ tau, rows }: Configuration) => tau / v(rows)
  return ladder.reduce((best, next) => (speed(next) > speed(best) ? next : best))
}
