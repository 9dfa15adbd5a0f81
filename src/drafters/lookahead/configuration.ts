import type { PassCosts } from '../../decoding/index.ts'
import type { LookaheadOptions } from './lookahead.ts'

export function chooseConfiguration(_: PassCosts): LookaheadOptions {
  return { window: 4, ngram: 3, guesses: 4 }
}
