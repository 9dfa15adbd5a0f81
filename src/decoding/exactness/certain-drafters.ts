import { type Fraction, fractions } from './fraction.ts'
import { GrowingTree } from './growing-tree.ts'
import type { ToyModel } from './toy-models.ts'
import type { ToyDraft, ToyDrafter } from './write.ts'

const { zero, one, multiply, less } = fractions

/** Drafters without chance: what they guess follows from the text. */

/** As n-grams do: what followed the last token earlier in the text, or where nothing did, that token once more. */
export function recalling(): ToyDrafter {
  return {
    propose(text, room) {
      const tree = new GrowingTree(text)
      const last = text.at(-1) ?? 0
      const earlier = text.lastIndexOf(last, -2)
      const after = earlier >= 0 && text.length > 1 ? text.slice(earlier + 1) : [last, last]
      let row = 0
      for (const token of after.slice(0, room)) row = tree.add(row, token)
      return tree.draft()
    },
  }
}

/** As Medusa and EAGLE do: the `width` likeliest tokens after the root, and under each the `width` likeliest again. */
export function widest(q: ToyModel, width = 2): ToyDrafter {
  return {
    propose(text, room) {
      const tree = new GrowingTree(text)
      let level = [0]
      for (let depth = 0; depth < room; depth++)
        level = level.flatMap((row) =>
          likeliest(q(tree.textAt(row)))
            .slice(0, width)
            .map((token) => tree.add(row, token)),
        )
      return tree.draft()
    },
  }
}

/** As EAGLE-2 does: the `guesses` rows that the drafter thinks likeliest to be accepted, wherever they are. */
export function surest(q: ToyModel, guesses = 3): ToyDrafter {
  return {
    propose(text, room): ToyDraft {
      const tree = new GrowingTree(text)
      let open: { row: number; token: number; confidence: Fraction }[] = []
      const expand = (row: number, confidence: Fraction) => {
        if (tree.depthOf(row) >= room) return
        for (const [token, p] of q(tree.textAt(row)).entries())
          open.push({ row, token, confidence: multiply(confidence, p) })
      }
      expand(0, one)
      for (let i = 0; i < guesses && open.length > 0; i++) {
        const best = open.reduce((a, b) => (less(a.confidence, b.confidence) ? b : a))
        open = open.filter((other) => other !== best)
        if (less(zero, best.confidence)) expand(tree.add(best.row, best.token), best.confidence)
      }
      return tree.draft()
    },
  }
}

/** Tokens by falling probability, the lower id first among equals. */
export function likeliest(q: readonly Fraction[]): number[] {
  return [...q.keys()].sort((a, b) => (less(q[b], q[a]) ? -1 : less(q[a], q[b]) ? 1 : a - b))
}
