import { verify } from '../../decoding/index.ts'
import { Candidates } from './candidates.ts'
import type { Growth } from './growth.ts'

/** Children of each path, best first, with their probabilities; a path is the letters of its tokens. */
export type Table = (path: string) => Readonly<Record<string, number>>

export function tableOf(entries: Readonly<Record<string, Readonly<Record<string, number>>>>): Table {
  return (path) => entries[path] ?? {}
}

/** What a growth makes of a head that is a table: its guesses and what each pass read, both as paths. */
export async function growing(growth: Growth, table: Table, limits: { guesses?: number } = {}) {
  const { candidates, chosen, passes } = await grown(growth, table, limits)
  const pathOf = (node: number) => letters(candidates.pathTo(node))
  return { tree: chosen.slice(1).map(pathOf), passes: passes.map((nodes) => nodes.map(pathOf)) }
}

/** A step of a growth over a table; told that the target writes `text`, if that is given. */
export async function grown(growth: Growth, table: Table, { guesses = 100 }: { guesses?: number } = {}, text?: string) {
  const candidates = new Candidates(0)
  const passes: (readonly number[])[] = []
  const chosen = await growth.grow(
    candidates,
    async (nodes) => {
      passes.push(nodes)
      return nodes.map((node) => {
        const children = Object.entries(table(letters(candidates.pathTo(node)))).slice(0, growth.width)
        return candidates.add(
          node,
          children.map(([letter, p]) => ({ token: letter.charCodeAt(0), logProbability: Math.log(p) })),
        )
      })
    },
    guesses,
  )
  if (text !== undefined) {
    const { path, bonus } = verify(candidates.tree(chosen), nextOf(candidates, chosen, text))
    const emitted = [...path.slice(1).map((row) => candidates.at(chosen[row]).token), bonus]
    const rows = passes.map((nodes) => nodes.length)
    growth.observe?.({ candidates, chosen, passes: rows, path, emitted })
  }
  return { candidates, chosen, passes }
}

const nextOf = (candidates: Candidates, chosen: readonly number[], text: string) => (row: number) =>
  text.charCodeAt(candidates.at(chosen[row]).depth) || 0

const letters = (tokens: readonly number[]) => String.fromCharCode(...tokens)
