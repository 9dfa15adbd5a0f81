import type { Chance } from '../arithmetic.ts'
import type { rejection } from '../rejection.ts'
import type { TokenTree } from '../tree.ts'
import type { Acceptance, verify } from '../verify.ts'
import { type Fraction, fractions } from './fraction.ts'
import type { ToyModel } from './toy-models.ts'

/** A draft as `rejection` sees it, in fractions. */
export interface ToyDraft {
  readonly tree: TokenTree
  readonly proposal?: readonly (readonly Fraction[] | undefined)[]
}

/** The text that ends with the token of `row`. */
export type TextAt = (row: number) => readonly number[]

export interface ToyDrafter {
  /** Guesses after `text`, at most `room` deep. */
  propose(text: readonly number[], room: number): ToyDraft
  observe?(draft: ToyDraft, textAt: TextAt): void
}

/** Decides a draft: one of the acceptance rules and what it works on. */
export type Decide = (draft: ToyDraft, textAt: TextAt) => Acceptance

/** The first `length` tokens of a text that is written step by step, as `decode` writes one. */
export function write(length: number, drafter: ToyDrafter, decide: Decide): number[] {
  const text: number[] = []
  while (text.length < length) {
    const draft = drafter.propose([...text], length - text.length - 1)
    const before = [...text]
    const textAt: TextAt = (row) => [...before, ...guessesTo(draft.tree, row)]
    const { path, bonus } = decide(draft, textAt)
    text.push(...path.slice(1).map((row) => draft.tree.tokens[row]), bonus)
    drafter.observe?.(draft, textAt)
  }
  return text.slice(0, length)
}

export function byRejection(target: ToyModel, chance: Chance<Fraction>, rule: typeof rejection): Decide {
  return ({ tree, proposal }, textAt) =>
    rule<Fraction>(
      tree,
      (row) => target(textAt(row)),
      (row) => proposal?.[row],
      chance,
      fractions,
    )
}

/** `draw` is the target's own token after a text. */
export function byTargetDraw(draw: (text: readonly number[]) => number, rule: typeof verify): Decide {
  return ({ tree }, textAt) => rule(tree, (row) => draw(textAt(row)))
}

/** The guesses on the way to `row`, its own last. */
export function guessesTo(tree: TokenTree, row: number): number[] {
  const guesses: number[] = []
  for (let at = row; at > 0; at = tree.parents[at]) guesses.unshift(tree.tokens[at])
  return guesses
}
