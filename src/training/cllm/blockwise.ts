import { chain, type Drafter } from '../../decoding/index.ts'
import { TextTokens } from '../../drafters/index.ts'
import { PacelineError } from '../../errors.ts'
import { type Trajectory, trajectoryOf } from './trajectory.ts'

/** Blocks that a pass of the decode loop has room for. */
export const blockSizes = { least: 2, most: 64 } as const

/** Throws code `argument` for a number of tokens that cannot be a block. */
export function requireBlock(block: number): void {
  const { least, most } = blockSizes
  if (!(Number.isInteger(block) && block >= least && block <= most))
    throw new PacelineError('argument', `block is ${block}, expected an integer from ${least} to ${most}.`)
}

/** A drafter that writes down what became of its guesses. */
export interface Blockwise extends Drafter {
  /** The blocks of the text `ids` that it has drafted for: what follows the prompt, up to where the text ended. */
  trajectories(ids: readonly number[]): Trajectory[]
}

/** A block in the making: all its iterates so far, each whole. */
interface Iteration {
  readonly length: number
  readonly iterates: number[][]
}

/**
 * Jacobi decoding of one block of tokens after the other (Kou et al. 2024): a block is not filled up as its
 * tokens are decided, so that its iterates are one trajectory, from a first guess to the text. The first guess is
 * drawn from the tokens of the text so far. What is right is decided early: an iterate is the decided tokens and what the
 * pass yields behind them, as if all of the block had been in it. The last token of an iterate guesses at nothing, so that
 * a pass over `n` undecided tokens has `n` rows, and a block of `block` tokens is for `jacobi:block`.
 *
 * Throws code `argument` for a block that does not fit a pass.
 */
export function blockwise(block: number): Blockwise {
  requireBlock(block)
  let text = new TextTokens()
  let blocks: Iteration[] = []
  /** Tokens of the last block that are decided; all of them: the next block begins. */
  let decided = 0
  const whole = () => blocks.length === 0 || decided === blocks[blocks.length - 1].length
  return {
    name: `blockwise:${block}`,
    start({ tokens }) {
      text = new TextTokens()
      text.append(tokens)
      blocks = []
    },
    propose(root, { rows }) {
      if (whole()) {
        const length = Math.min(block, rows)
        blocks.push({ length, iterates: [Array.from({ length }, () => text.draw())] })
        decided = 0
      }
      const { length, iterates } = blocks[blocks.length - 1]
      return { tree: chain(root, iterates[iterates.length - 1].slice(decided, length - 1)) }
    },
    observe({ emitted, draw }) {
      text.append(emitted)
      const { length, iterates } = blocks[blocks.length - 1]
      const known = iterates[iterates.length - 1].slice(0, decided)
      iterates.push([...known, ...Array.from({ length: length - decided }, (_, row) => draw(row))])
      decided += emitted.length
    },
    trajectories(ids) {
      let from = 0
      const cut: Trajectory[] = []
      for (const { length, iterates } of blocks) {
        const tokens = ids.slice(from, from + length)
        if (tokens.length === 0) break
        cut.push(trajectoryOf(tokens, iterates))
        from += length
      }
      return cut
    },
  }
}
