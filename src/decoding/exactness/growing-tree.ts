import { TokenTree } from '../tree.ts'
import type { Fraction } from './fraction.ts'
import { guessesTo, type ToyDraft } from './write.ts'

/** A draft in the making, after a text. */
export class GrowingTree {
  readonly #text: readonly number[]
  readonly #tokens = [0]
  readonly #parents = [-1]
  readonly #proposal: (readonly Fraction[] | undefined)[] = []

  constructor(text: readonly number[]) {
    this.#text = text
  }

  /** The row of this child, which is made unless it is there. */
  add(parent: number, token: number): number {
    const there = this.#tokens.findIndex((other, row) => other === token && this.#parents[row] === parent)
    if (there >= 0) return there
    this.#parents.push(parent)
    return this.#tokens.push(token) - 1
  }

  /** Says that the children of `row` are drawn from `q`, without replacement. */
  drawnFrom(row: number, q: readonly Fraction[]): void {
    this.#proposal[row] = q
  }

  textAt(row: number): number[] {
    return [...this.#text, ...guessesTo(this.#tree(), row)]
  }

  depthOf(row: number): number {
    return guessesTo(this.#tree(), row).length
  }

  draft(): ToyDraft {
    return { tree: this.#tree(), proposal: this.#proposal }
  }

  #tree(): TokenTree {
    return new TokenTree(this.#tokens, this.#parents)
  }
}
