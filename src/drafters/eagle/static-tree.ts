import { PacelineError } from '../../errors.ts'
import type { ShapeNode } from '../trees/shape.ts'
import type { Candidates } from './candidates.ts'
import type { Expand } from './growth.ts'

/** Parents come before children, levels after one another, siblings by rank, none missing before another. */
export type Shape = readonly ShapeNode[]

/**
 * The tree of EAGLE-1 (Li et al. 2024, section 4.3, as in its code): 25 guesses, five deep, each written as the ranks of the
 * children on the path to it.
 */
export const publishedPaths: readonly string[] = [
  ...['0', '1', '2', '3'],
  ...['00', '01', '02', '10', '11', '20', '21', '30'],
  ...['000', '001', '002', '010', '011', '020', '021', '100'],
  ...['0000', '0001', '0002'],
  ...['00000', '00001'],
]

/**
 * The shape of these paths, a digit for the rank of each node on them. Throws code `argument` for a path that is no row of
 * digits, or comes twice, or without its parent, or without a sibling of lower rank.
 */
export function shapeOf(paths: readonly string[]): Shape {
  const refuse = (path: string, problem: string) =>
    new PacelineError('argument', `static tree: path "${path}" ${problem}`)
  const sorted = ['', ...paths.toSorted((a, b) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0))]
  return sorted.map((path, index) => {
    if (index === 0) return { parent: -1, rank: 0, depth: 0 }
    if (!/^\d+$/.test(path)) throw refuse(path, 'is not made of digits, the ranks of children')
    if (path === sorted[index - 1]) throw refuse(path, 'is there twice')
    const [before, rank] = [path.slice(0, -1), Number(path.at(-1))]
    const parent = sorted.indexOf(before)
    if (parent < 0) throw refuse(path, `is there without its parent "${before}"`)
    if (rank > 0 && !sorted.includes(`${before}${rank - 1}`))
      throw refuse(path, `is there without its sibling "${before}${rank - 1}"`)
    return { parent, rank, depth: path.length }
  })
}

/** Children of any one node, at most. */
export function widthOf(shape: Shape): number {
  return shape.reduce((width, { rank }) => Math.max(width, rank + 1), 1)
}

/** How many of these nodes are expanded on each level, the root's first: the rows of the passes that make their children. */
export function expandedByLevel(shape: Shape, nodes: readonly number[]): number[] {
  const levels: number[] = []
  const parents = new Set(nodes.filter((node) => node > 0).map((node) => shape[node].parent))
  for (const parent of parents) levels[shape[parent].depth] = (levels[shape[parent].depth] ?? 0) + 1
  return levels
}

/**
 * Grows these nodes of the shape (the root and parents among them), one pass of the head for each level with children.
 * Where a node has no child of a rank, what stands behind it is missing too.
 */
export async function growShape(
  shape: Shape,
  nodes: readonly number[],
  candidates: Candidates,
  expand: Expand,
): Promise<readonly number[]> {
  const grown = new Map([[0, 0]])
  const deepest = nodes.reduce((depth, node) => Math.max(depth, shape[node].depth), 0)
  for (let depth = 0; depth < deepest; depth++) {
    const below = nodes.filter((node) => shape[node].depth === depth + 1 && grown.has(shape[node].parent))
    const parents = [...new Set(below.map((node) => shape[node].parent))]
    if (parents.length === 0) break
    const children = await expand(parents.map((parent) => grown.get(parent)!))
    for (const node of below) {
      const { parent, rank } = shape[node]
      const child = children[parents.indexOf(parent)].find((index) => candidates.at(index).rank === rank)
      if (child !== undefined) grown.set(node, child)
    }
  }
  return [...grown.values()].sort((a, b) => a - b)
}
