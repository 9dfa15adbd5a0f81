import type { Chance } from '../arithmetic.ts'
import { likeliest } from './certain-drafters.ts'
import { type Fraction, fraction, fractions, inProportion } from './fraction.ts'
import { GrowingTree } from './growing-tree.ts'
import type { ToyModel } from './toy-models.ts'
import type { ToyDrafter } from './write.ts'

const { zero, less } = fractions
const half = fraction(1, 2)

/** Drafters that draw their guesses from q, and say so. */
type Drawing = (q: ToyModel, chance: Chance<Fraction>) => ToyDrafter

/** Draws `count` different children of `row` from q, as far as there are that many; fewer where `enough` says so. */
function draw(
  tree: GrowingTree,
  row: number,
  q: readonly Fraction[],
  chance: Chance<Fraction>,
  count: number,
  enough: (token: number) => boolean = () => false,
): number[] {
  tree.drawnFrom(row, q)
  const left = [...q]
  const rows: number[] = []
  while (rows.length < count && left.some((mass) => less(zero, mass))) {
    const token = chance.categorical(inProportion(left))
    rows.push(tree.add(row, token))
    left[token] = zero
    if (enough(token)) break
  }
  return rows
}

/** A chain of as many guesses as there is room for, `most` at most. */
export const chained =
  (most = Infinity): Drawing =>
  (q, chance) => ({
    propose(text, room) {
      const tree = new GrowingTree(text)
      let row = 0
      for (let depth = 0; depth < Math.min(room, most); depth++) [row] = draw(tree, row, q(tree.textAt(row)), chance, 1)
      return tree.draft()
    },
  })

/** A chain that ends with the first guess that q finds unlikely. That guess is kept. */
export const doubting: Drawing = (q, chance) => ({
  propose(text, room) {
    const tree = new GrowingTree(text)
    let row = 0
    for (let depth = 0; depth < room; depth++) {
      const distribution = q(tree.textAt(row))
      const [next] = draw(tree, row, distribution, chance, 1)
      if (less(distribution[tree.textAt(next).at(-1)!], half)) break
      row = next
    }
    return tree.draft()
  },
})

/** `width` siblings everywhere, drawn without replacement. */
export const branching =
  (width: number): Drawing =>
  (q, chance) => ({
    propose(text, room) {
      const tree = new GrowingTree(text)
      let level = [0]
      for (let depth = 0; depth < room; depth++)
        level = level.flatMap((row) => draw(tree, row, q(tree.textAt(row)), chance, width))
      return tree.draft()
    },
  })

/** Siblings until one is likely, and children only of those that are not: a shape that follows from what was drawn. */
export const shaping: Drawing = (q, chance) => ({
  propose(text, room) {
    const tree = new GrowingTree(text)
    let level = [0]
    for (let depth = 0; depth < room; depth++)
      level = level.flatMap((row) => {
        const distribution = q(tree.textAt(row))
        const likely = (token: number) => !less(distribution[token], half)
        const rows = draw(tree, row, distribution, chance, 3, likely)
        return rows.filter((child) => !likely(tree.textAt(child).at(-1)!))
      })
    return tree.draft()
  },
})

/** Drawn siblings under the root, under each of them the likeliest two tokens without chance; or the other way round. */
export const mixing =
  (drawnFirst: boolean): Drawing =>
  (q, chance) => ({
    propose(text, room) {
      const tree = new GrowingTree(text)
      let level = [0]
      for (let depth = 0; depth < room; depth++)
        level = level.flatMap((row) => {
          const distribution = q(tree.textAt(row))
          if ((depth === 0) === drawnFirst) return draw(tree, row, distribution, chance, 2)
          return likeliest(distribution)
            .slice(0, 2)
            .map((token) => tree.add(row, token))
        })
      return tree.draft()
    },
  })
