import { PacelineError } from '../../errors.ts'
import type { Method } from '../registry.ts'
import { chooseBlock } from './block.ts'
import { jacobi } from './jacobi.ts'

const ngramsPart = 'ngrams'

/**
 * `jacobi[:block|:ngrams|:block+ngrams]`: Jacobi decoding, with a block chosen by what passes cost here unless it is given,
 * and with n-grams kept of the text and of iterates.
 */
export const jacobiMethod: Method = {
  about:
    'what the pass before yielded behind its guesses; jacobi:8 makes passes of 8 rows, jacobi:ngrams and jacobi:8+ngrams ' +
    'also keep n-grams',
  takes: ['variant'],
  variants: ['', ngramsPart],
  read({ name, variant }) {
    if (variant === undefined || variant === ngramsPart)
      return async (context) => jacobi({ block: chooseBlock(await context.costs()), ngrams: variant === ngramsPart })
    const [, size, more] = /^([1-9]\d*)(\+ngrams)?$/.exec(variant) ?? []
    const block = Number(size)
    if (!(block >= 2))
      throw new PacelineError(
        'argument',
        `drafter "${name}:${variant}": expected a whole number of rows of at least 2, such as ${name}:8, or with n-grams ` +
          `${name}:8+${ngramsPart} or ${name}:${ngramsPart}`,
      )
    return () => jacobi({ block, ngrams: more !== undefined })
  },
}
