import { fraction, fractions } from './fraction.ts'
import { GrowingTree } from './growing-tree.ts'
import type { Draw } from './noise.ts'
import type { ToyModel } from './toy-models.ts'
import type { ToyDrafter } from './write.ts'

/** Drafters that guess with the noise that the target will draw with. Their trees follow from what is to come. */

export interface Looking {
  readonly target: ToyModel
  readonly drafter: ToyModel
  readonly draw: Draw
}

/** The drafter's own draws; guesses that it finds unlikely are left out, which shared noise allows. */
export const agreeing =
  (leavesOut: boolean) =>
  ({ drafter, draw }: Looking): ToyDrafter => ({
    propose(text, room) {
      const tree = new GrowingTree(text)
      let row = 0
      for (let depth = 0; depth < room; depth++) {
        const before = tree.textAt(row)
        const token = draw(drafter, before)
        if (leavesOut && fractions.less(drafter(before)[token], fraction(1, 2))) break
        row = tree.add(row, token)
      }
      return tree.draft()
    },
  })

/** Knows the target's draws, and guesses them after tokens of low id only: as much as a tree can know. */
export const knowing = ({ target, draw }: Looking): ToyDrafter => ({
  propose(text, room) {
    const tree = new GrowingTree(text)
    let row = 0
    for (let depth = 0; depth < room; depth++) {
      const token = draw(target, tree.textAt(row))
      if (token > 0) tree.add(row, 0)
      row = tree.add(row, token)
      if (token > 1) break
    }
    return tree.draft()
  },
})

/** As Jacobi decoding does: guesses what the target drew behind the guesses of the step before. */
export const iterating = ({ target, draw }: Looking): ToyDrafter => {
  let iterate: { readonly text: readonly number[]; readonly next: number }[] = []
  return {
    propose(text, room) {
      const tree = new GrowingTree(text)
      let row = 0
      for (let depth = 0; depth < room; depth++)
        row = tree.add(row, iterate.find((drawn) => drawn.text.length === text.length + depth)?.next ?? 0)
      return tree.draft()
    },
    observe({ tree }, textAt) {
      iterate = Array.from(tree.tokens, (_, row) => ({ text: textAt(row), next: draw(target, textAt(row)) }))
    },
  }
}

/** As Lookahead does: what the target drew after a token anywhere in a pass, accepted or not, all continuations at once. */
export const pooling = ({ target, draw }: Looking): ToyDrafter => {
  const pool = new Map<number, Set<number>>()
  return {
    propose(text, room) {
      const tree = new GrowingTree(text)
      let level = [0]
      for (let depth = 0; depth < room; depth++)
        level = level.flatMap((row) => {
          const last = tree.textAt(row).at(-1) ?? 0
          return [...(pool.get(last) ?? [0])].map((token) => tree.add(row, token))
        })
      return tree.draft()
    },
    observe({ tree }, textAt) {
      for (const row of tree.tokens.keys()) {
        const last = textAt(row).at(-1) ?? 0
        pool.set(last, (pool.get(last) ?? new Set()).add(draw(target, textAt(row))))
      }
    },
  }
}
