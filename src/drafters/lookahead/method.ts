import { PacelineError } from '../../errors.ts'
import type { Method } from '../registry.ts'
import { chooseConfiguration } from './configuration.ts'
import { lookahead } from './lookahead.ts'

/** `lookahead[:W-N-G]`: lookahead decoding, with what suits the costs of passes here unless W, N and G are given. */
export const lookaheadMethod: Method = {
  about: 'n-grams found by iterates carried along; lookahead:W-N-G: window, n-gram size, guesses, such as 4-3-4',
  takes: ['variant'],
  read({ name, variant }) {
    if (variant === undefined) return async (context) => lookahead(chooseConfiguration(await context.costs()))
    const [, window, ngram, guesses] = (/^([1-9]\d*)-([1-9]\d*)-([1-9]\d*)$/.exec(variant) ?? []).map(Number)
    if (window === undefined || ngram < 2)
      throw new PacelineError(
        'argument',
        `drafter "${name}:${variant}": expected window, n-gram size (at least 2) and guesses, such as ${name}:4-3-4`,
      )
    return () => lookahead({ window, ngram, guesses })
  },
}
