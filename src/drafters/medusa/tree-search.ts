import type { ShapeNode } from '../trees/shape.ts'

/** A tree in the order of its search: of any beginning of it, parents are there before their children. */
export interface SearchedTree {
  /** The root first. */
  readonly nodes: readonly ShapeNode[]
  /** Of each node, the chance that it is accepted with all before it: the root's is 1, and no later one is above an earlier. */
  readonly chances: readonly number[]
}

export interface TreeSearchLimits {
  /** Levels: as many as there are heads. */
  readonly depth: number
  /** Children of a node. */
  readonly width: number
  readonly guesses: number
}

/**
 * The tree of the most expected tokens (Cai et al. 2024, section 3.3): beginning with the root, adds the neighbour (the
 * first child or the next sibling of a node that is there) of the largest chance, again and again. `accuracy(depth, rank)`
 * is the chance that the guess of this rank (from 0) of head `depth` (from 1) is right where those before it are; that of
 * a node is the product over its path. Siblings come by falling accuracy, which is rarely another order than that of their
 * ranks; so no tree of as many guesses has a larger sum of chances. Of equals the earlier one goes first.
 */
export function searchTree(
  accuracy: (depth: number, rank: number) => number,
  { depth, width, guesses }: TreeSearchLimits,
): SearchedTree {
  const levels = Array.from({ length: depth }, (_, above) =>
    Array.from({ length: width }, (_, rank) => ({ rank, accuracy: accuracy(above + 1, rank) })).sort(
      (a, b) => b.accuracy - a.accuracy || a.rank - b.rank,
    ),
  )
  const nodes: ShapeNode[] = [{ parent: -1, rank: 0, depth: 0 }]
  const chances = [1]
  const frontier: { readonly parent: number; readonly place: number; readonly chance: number }[] = []
  /** `place`: among the siblings. */
  const offer = (parent: number, place: number) => {
    const child = levels[nodes[parent].depth]?.[place]
    if (child) frontier.push({ parent, place, chance: chances[parent] * child.accuracy })
  }
  offer(0, 0)
  while (nodes.length <= guesses && frontier.length > 0) {
    let best = 0
    for (let i = 1; i < frontier.length; i++) if (frontier[i].chance > frontier[best].chance) best = i
    const [{ parent, place, chance }] = frontier.splice(best, 1)
    const above = nodes[parent].depth
    const index = nodes.push({ parent, rank: levels[above][place].rank, depth: above + 1 }) - 1
    chances.push(chance)
    offer(index, 0)
    offer(parent, place + 1)
  }
  return { nodes, chances }
}
