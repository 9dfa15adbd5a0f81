import type { GrownTree } from './growth.ts'
import type { Shape } from './static-tree.ts'

/** How often the likeliest child of an accepted node is accepted, before anything is known, and each further one less. */
const firstChance = 0.6
const nextRank = 0.35
/** How much an expectation counts beside outcomes, in outcomes. */
const prior = 8

interface Count {
  right: number
  seen: number
}

/**
 * How often guesses of a static tree are accepted where their parents are, by depth and rank. What is seldom seen borrows
 * from guesses of the same rank at all depths, and these from an expectation.
 */
export class AcceptanceByRank {
  readonly #shape: Shape
  readonly #byRank: Count[] = []
  readonly #byPlace = new Map<string, Count>()

  constructor(shape: Shape) {
    this.#shape = shape
  }

  observe({ candidates, chosen, path }: GrownTree): void {
    const accepted = new Set(path)
    const rows = new Map(chosen.map((candidate, row) => [candidate, row]))
    for (const [row, candidate] of chosen.entries()) {
      const { parent, depth, rank } = candidates.at(candidate)
      if (row === 0 || !accepted.has(rows.get(parent)!)) continue
      for (const count of this.#countsOf(depth, rank)) {
        count.seen++
        if (accepted.has(row)) count.right++
      }
    }
  }

  /** Of each node, the chance that it is accepted with all before it. */
  chances(): number[] {
    const chances: number[] = []
    for (const [node, { parent, depth, rank }] of this.#shape.entries()) {
      const [place, all] = this.#countsOf(depth, rank)
      const expected = (all.right + prior * firstChance * nextRank ** rank) / (all.seen + prior)
      const own = (place.right + prior * expected) / (place.seen + prior)
      chances[node] = node === 0 ? 1 : chances[parent] * own
    }
    return chances
  }

  /**
   * Nodes by falling chance, the root first, and each behind its parent and its siblings of lower rank, whatever chance says:
   * the second draw without replacement is worth nothing without the first.
   */
  order(): number[] {
    const chances = this.chances()
    const before = (node: number) =>
      this.#shape.findIndex(
        ({ parent, rank }) => parent === this.#shape[node].parent && rank === this.#shape[node].rank - 1,
      )
    // In the order of the shape all that a node stands behind comes first.
    const worth: number[] = []
    for (const node of this.#shape.keys()) {
      const ahead = node === 0 ? [] : [worth[this.#shape[node].parent], worth[before(node)] ?? 1]
      worth[node] = Math.min(chances[node], ...ahead)
    }
    return [...this.#shape.keys()].sort((a, b) => worth[b] - worth[a] || a - b)
  }

  #countsOf(depth: number, rank: number): [place: Count, all: Count] {
    const place = this.#byPlace.get(`${depth} ${rank}`) ?? { right: 0, seen: 0 }
    this.#byPlace.set(`${depth} ${rank}`, place)
    this.#byRank[rank] ??= { right: 0, seen: 0 }
    return [place, this.#byRank[rank]]
  }
}
