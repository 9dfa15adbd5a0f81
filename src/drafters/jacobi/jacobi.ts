import { chain, type Drafter } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import { TextTokens } from '../text-tokens.ts'

export interface JacobiOptions {
  /** Rows of a pass: the root and `block` - 1 guesses. */
  readonly block: number
}

/**
 * Jacobi decoding (Santilli et al. 2023, section 3): greedy text solves y[i] = argmax p(. | y[<i]) for all i, and the
 * fixed-point iteration that updates a block of unknowns at once reaches it in at most as many passes as there are
 * unknowns. The guesses of a step are the newest iterate, and the pass that checks them computes the next one. What is
 * right is decided early, as by Kou et al. 2024, and the block filled up again. A target tuned to converge fast (their
 * CLLM) takes this same drafter, with the block that it was tuned for.
 *
 * Above temperature 0 an iterate holds the target's draws, each with the noise of its position, in place of the argmax.
 * The noise is fixed, so the system has one solution, which is the sampled text, and the iteration reaches it just so.
 * Under rejection sampling a guess is right as often as p says, whatever the noise, so that less of it is accepted.
 *
 * Throws code `argument` for a block that is no whole number of at least 2.
 */
export function jacobi({ block }: JacobiOptions): Drafter {
  if (!(Number.isInteger(block) && block >= 2))
    throw new PacelineError('argument', `jacobi: block is ${block}, expected an integer of at least 2`)
  let text = new TextTokens()
  /** Guesses at what follows the root. */
  let iterate: number[] = []
  return {
    name: `jacobi:${block}`,
    start({ tokens }) {
      text = new TextTokens()
      text.append(tokens)
      iterate = []
    },
    propose(root, { rows }) {
      const guesses = Math.min(block, rows) - 1
      iterate.length = Math.min(iterate.length, guesses)
      while (iterate.length < guesses) iterate.push(text.draw())
      return { tree: chain(root, iterate) }
    },
    observe({ path, emitted, draw }) {
      text.append(emitted)
      // Row r of the chain stands r behind the root, and the new root path.length behind it: what the rows from there on
      // yield are guesses at what follows the new root.
      const undecided = iterate.slice(path.length - 1)
      iterate = undecided.map((_, i) => draw(path.length + i))
    },
  }
}
