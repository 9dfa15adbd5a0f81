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
 * next sibling or the first child of a node that is there) of the largest chance, again and again. `accuracy(depth, rank)`
 * is the chance that the guess of this rank (from 0) of head `depth` (from 1) is right where those before it are; that of
 * a node is the product over its path. Of equals the earlier one goes first.
 *
 * Where accuracies fall with rank no tree of as many guesses has a larger sum of chances. Where they do not, a node counts
 * no more than the siblings before it.
 */
export function searchTree(
  accuracy: (depth: number, rank: number) => number,
  { depth, width, guesses }: TreeSearchLimits,
): SearchedTree {
  const nodes: ShapeNode[] = [{ parent: -1, rank: 0, depth: 0 }]
  const chances = [1]
  const frontier: { readonly node: ShapeNode; readonly chance: number }[] = []
  const offer = (node: ShapeNode, most: number) => {
    if (node.depth > depth || node.rank >= width) return
    frontier.push({ node, chance: Math.min(most, chances[node.parent] * accuracy(node.depth, node.rank)) })
  }
  offer({ parent: 0, rank: 0, depth: 1 }, 1)
  while (nodes.length <= guesses && frontier.length > 0) {
    let best = 0
    for (let i = 1; i < frontier.length; i++) if (frontier[i].chance > frontier[best].chance) best = i
    const [{ node, chance }] = frontier.splice(best, 1)
    const index = nodes.push(node) - 1
    chances.push(chance)
    offer({ parent: index, rank: 0, depth: node.depth + 1 }, chance)
    offer({ ...node, rank: node.rank + 1 }, chance)
  }
  return { nodes, chances }
}
