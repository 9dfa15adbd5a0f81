import { chain, type Drafter } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import { NgramPool } from '../ngram-pool.ts'
import { TextTokens } from '../text-tokens.ts'
import { trie } from '../trees/trie.ts'

export interface JacobiOptions {
  /** Rows of a pass: the root and `block` - 1 guesses. */
  readonly block: number
  /** Keeps n-grams of the text and of iterates, and guesses those that begin with the root beside the iterate. */
  readonly ngrams?: boolean
}

/**
 * Of kept n-grams: tokens behind the one that they are found by, and how many are guessed. With the demo model tuned for this,
 * n-grams of 3 and 4 tokens decided fewer, and a third n-gram hardly more (docs/decisions/0018).
 */
const [ngramLength, ngramGuesses] = [6, 2]

/**
 * Jacobi decoding (Santilli et al. 2023, section 3): greedy text solves y[i] = argmax p(. | y[<i]) for all i, and the
 * fixed-point iteration that updates a block of unknowns at once reaches it in at most as many passes as there are
 * unknowns. The guesses of a step are the newest iterate, and the pass that checks them computes the next one. What is
 * right is decided early, as by Kou et al. 2024, and the block filled up again. A target tuned to converge fast (their
 * CLLM) takes this same drafter, with the block that it was tuned for.
 *
 * Iterates hold phrases that are right but in the wrong place, and are gone with the next pass. With `ngrams` they are
 * kept, as Kou et al. combine CLLM with lookahead decoding.
 *
 * Above temperature 0 an iterate holds the target's draws, each with the noise of its position, in place of the argmax.
 * The noise is fixed, so the system has one solution, which is the sampled text, and the iteration reaches it just so.
 * Under rejection sampling a guess is right as often as p says, whatever the noise, so that less of it is accepted.
 *
 * Throws code `argument` for a block that is no whole number of at least 2.
 */
export function jacobi({ block, ngrams = false }: JacobiOptions): Drafter {
  if (!(Number.isInteger(block) && block >= 2))
    throw new PacelineError('argument', `jacobi: block is ${block}, expected an integer of at least 2`)
  let text = new TextTokens()
  let kept: KeptNgrams | undefined
  /** Guesses at what follows the root. */
  let iterate: number[] = []
  return {
    name: `jacobi:${block}${ngrams ? '+ngrams' : ''}`,
    start({ tokens }) {
      text = new TextTokens()
      text.append(tokens)
      if (ngrams) kept = new KeptNgrams(tokens)
      iterate = []
    },
    propose(root, { rows }) {
      const guesses = Math.min(block, rows) - 1
      iterate.length = Math.min(iterate.length, guesses)
      kept?.continue(root, iterate, guesses)
      while (iterate.length < guesses) iterate.push(text.draw())
      // The iterate comes first, so that its rows are those of a chain.
      return { tree: kept === undefined ? chain(root, iterate) : trie(root, [iterate, ...kept.after(root)], rows - 1) }
    },
    observe({ path, emitted, draw }) {
      text.append(emitted)
      // Row r of the iterate stands r behind the root, and the new root path.length behind it: what the rows from there on
      // yield are guesses at what follows the new root.
      const undecided = iterate.slice(path.length - 1)
      iterate = undecided.map((_, i) => draw(path.length + i))
      kept?.learn(emitted, iterate)
    },
  }
}

/** N-grams of the text and, where it has none, of iterates. */
class KeptNgrams {
  readonly #written = new NgramPool(ngramLength, ngramGuesses)
  readonly #found = new NgramPool(ngramLength, ngramGuesses)

  constructor(text: readonly number[]) {
    this.#written.append(text)
  }

  /** What may follow `token`, best first. */
  after(token: number): (readonly number[])[] {
    return [...this.#written.after(token), ...this.#found.after(token)].slice(0, ngramGuesses)
  }

  /** Fills the iterate behind the root up to a length, as far as there are n-grams. */
  continue(root: number, iterate: number[], length: number): void {
    while (iterate.length < length) {
      const [best] = this.after(iterate[iterate.length - 1] ?? root)
      if (best === undefined) return
      iterate.push(...best.slice(0, length - iterate.length))
    }
  }

  /** The text goes on with `emitted`, and would with the iterate, were that right. */
  learn(emitted: readonly number[], iterate: readonly number[]): void {
    this.#written.append(emitted)
    this.#found.learn([emitted[emitted.length - 1], ...iterate])
  }
}
