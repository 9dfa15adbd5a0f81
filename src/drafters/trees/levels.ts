import { type TokenHistory, TokenTree } from '../../decoding/index.ts'
import type { ChildRule, HeadOutputs } from './children.ts'
import type { ShapeNode } from './shape.ts'

/** Children of a node, at most, where all nodes of a level have the same: as in the published search of such trees. */
export const mostChildren = 10

/** The tokens that may stand at a depth (from 1), best first, whatever stands before them. */
export type LevelGuesses = (depth: number) => readonly number[]

/**
 * Guesses of `outputs`, of which row d - 1 of `levels` is about depth d; made when a level is first asked for. Noise is that
 * of the level's output position; penalties are those of the likeliest path to it, since nodes of a level are told apart by
 * nothing else: beside that path guesses are a little worse.
 */
export function guessesByLevel(
  rule: ChildRule,
  outputs: HeadOutputs,
  levels: number,
  history: TokenHistory,
): LevelGuesses {
  const known: (readonly number[])[] = []
  return function level(depth): readonly number[] {
    if (depth > levels) return []
    if (known[depth - 1]) return known[depth - 1]
    const path: number[] = []
    for (let above = 1; above < depth && level(above).length > 0; above++) path.push(level(above)[0])
    for (const token of path) history.push(token)
    const { children } = rule.of(outputs, depth - 1, history)
    for (const _ of path) history.pop()
    known[depth - 1] = children.map(({ token }) => token)
    return known[depth - 1]
  }
}

/**
 * The shape with tokens, without ranks for which there is no token or whose token ends the text, and what stands behind them: the
 * row before an end tells of it.
 * `rows[node]` is the row of a node of the shape that is there.
 */
export function treeOfLevels(
  root: number,
  shape: readonly ShapeNode[],
  guesses: LevelGuesses,
  ends?: ReadonlySet<number>,
): { readonly tree: TokenTree; readonly rows: readonly (number | undefined)[] } {
  const tokens = [root]
  const parents = [-1]
  const rows: (number | undefined)[] = [0]
  for (const [node, { parent, rank, depth }] of shape.entries()) {
    const above = node === 0 ? undefined : rows[parent]
    const token = above === undefined ? undefined : guesses(depth)[rank]
    if (token === undefined || ends?.has(token)) continue
    parents.push(above!)
    rows[node] = tokens.push(token) - 1
  }
  return { tree: new TokenTree(tokens, parents), rows }
}
