import { expectedByRank, RankFrequencies } from '../trees/rank-frequencies.ts'
import type { GrownTree } from './growth.ts'
import type { Shape } from './static-tree.ts'

/** How often guesses of a static tree are accepted where their parents are, by depth and rank. */
export class AcceptanceByRank {
  readonly #shape: Shape
  readonly #frequencies = new RankFrequencies((_, rank) => expectedByRank(rank))

  constructor(shape: Shape) {
    this.#shape = shape
  }

  observe({ candidates, chosen, path }: GrownTree): void {
    const accepted = new Set(path)
    const rows = new Map(chosen.map((candidate, row) => [candidate, row]))
    for (const [row, candidate] of chosen.entries()) {
      const { parent, depth, rank } = candidates.at(candidate)
      if (row === 0 || !accepted.has(rows.get(parent)!)) continue
      this.#frequencies.observe(depth, rank, accepted.has(row))
    }
  }

  /** Of each node, the chance that it is accepted with all before it. */
  chances(): number[] {
    const chances: number[] = []
    for (const [node, { parent, depth, rank }] of this.#shape.entries()) {
      chances[node] = node === 0 ? 1 : chances[parent] * this.#frequencies.chance(depth, rank)
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
}
