import { PacelineError } from '../../errors.ts'
import type { Method } from '../registry.ts'
import { chooseBlock } from './block.ts'
import { jacobi } from './jacobi.ts'

/** `jacobi[:block]`: Jacobi decoding, with a block chosen by what passes cost here unless it is given. */
export const jacobiMethod: Method = {
  about: 'what the pass before yielded behind its guesses; jacobi:8 makes passes of 8 rows',
  takes: ['variant'],
  read({ name, variant }) {
    if (variant === undefined) return async (context) => jacobi({ block: chooseBlock(await context.costs()) })
    const block = Number(variant)
    if (!/^[1-9]\d*$/.test(variant) || block < 2)
      throw new PacelineError(
        'argument',
        `drafter "${name}:${variant}": expected a whole number of rows of at least 2, such as ${name}:8`,
      )
    return () => jacobi({ block })
  },
}
