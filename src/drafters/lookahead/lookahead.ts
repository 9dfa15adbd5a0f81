import type { Drafter } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import { NgramPool } from '../ngram-pool.ts'
import { TextTokens } from '../text-tokens.ts'
import { trie } from '../trees/trie.ts'
import { JacobiWindow } from './window.ts'

export interface LookaheadOptions {
  /** W: positions that the window looks ahead. */
  readonly window: number
  /** N: tokens of an n-gram with the one that it is found by; at least 2. */
  readonly ngram: number
  /** G: n-grams that are checked in a step, and kept of each token. */
  readonly guesses: number
  /** Also finds n-grams in the prompt and in the text: yes unless given. */
  readonly fromText?: boolean
}

/**
 * Lookahead decoding (Fu et al. 2024, section 3): riders carry a window of Jacobi iterates along every pass and so come
 * upon n-grams that the target might write; those that begin with the root are its guesses, as a tree. A pass has at most
 * (W + G)(N - 1) rows and decides at most N tokens. With a smaller budget there are fewer n-grams, down to one, then
 * fewer columns of the window, then a shorter n-gram.
 *
 * The text is the target's at any temperature, since guesses are checked like any others. Above temperature 0 the window
 * holds the target's draws, each with the noise of the position that it stood for: an n-gram is text that the target might
 * have written there, and where it is guessed later the noise is another. Fu et al. keep the argmax.
 *
 * All levels of the window begin as tokens of the text and are replaced one by one, where Fu et al. begin with one level
 * and add one per step; n-grams come from the same step on, and hold nothing but what the target yielded.
 *
 * Throws code `argument` for options out of range.
 */
export function lookahead({ window, ngram, guesses, fromText = true }: LookaheadOptions): Drafter {
  for (const [name, value, low] of [
    ['window', window, 1],
    ['ngram', ngram, 2],
    ['guesses', guesses, 1],
  ] as const)
    if (!Number.isInteger(value) || value < low)
      throw new PacelineError('argument', `lookahead: ${name} is ${value}, expected an integer of at least ${low}`)
  const length = ngram - 1
  let pool: NgramPool
  let columns: JacobiWindow
  /** Of the step that is under way. */
  let step: { readonly root: number; readonly treeSize: number }
  return {
    name: `lookahead:${window}-${ngram}-${guesses}`,
    start({ tokens }) {
      const text = new TextTokens()
      text.append(tokens)
      columns = new JacobiWindow(length, window, () => text.draw())
      pool = new NgramPool(length, guesses)
      if (fromText) pool.append(tokens)
    },
    propose(root, { rows }) {
      columns.narrow(Math.max(0, Math.floor(rows / length) - 1))
      // The root is a row of the window, where there is one.
      const free = rows - Math.max(1, columns.width * length)
      const tree = trie(root, pool.after(root), Math.min(guesses * length, free))
      step = { root, treeSize: tree.size }
      return columns.width * length > 1 ? { tree, riders: columns.riders(tree.size) } : { tree }
    },
    observe({ emitted, draw }) {
      for (const { before, ngram } of columns.advance(step.root, step.treeSize, draw)) pool.add(before, ngram)
      if (fromText) pool.append(emitted)
    },
  }
}
