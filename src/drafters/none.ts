import { chain, type Drafter } from '../decoding/index.ts'

/** Guesses nothing: plain autoregressive decoding, the baseline of every measurement. */
export function none(): Drafter {
  return {
    name: 'none',
    start() {},
    propose: (root) => ({ tree: chain(root) }),
    observe() {},
  }
}
