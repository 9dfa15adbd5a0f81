import type { PassCosts } from '../../decoding/index.ts'
import { mostChildren } from '../trees/levels.ts'
import type { ShapeNode } from '../trees/shape.ts'
import type { BitaShape } from './trees.ts'

/** What a step costs, in passes of the target of one row. */
export interface BitaCosts {
  readonly target: Pick<PassCosts, 'v'>
  /** The LM head on the masks of one group. */
  readonly head: number
}

/** The chance that the guess of this rank (from 0) of a depth (from 1) is right where those before it are. */
export type Accuracy = (depth: number, rank: number) => number

/** What lies ahead of a step. */
export interface Outlook {
  /** Tokens per time (a pass of one row) in the long run. */
  readonly speed: number
  /** Tokens more, in the long run, of a step that begins with guesses for so many depths than of one that has none. */
  readonly worth: readonly number[]
}

/** A shape and what comes of it. */
export interface Decision {
  readonly shape: BitaShape
  /** Expected. */
  readonly tokens: number
  readonly time: number
  /** The chance that the next step begins with guesses for so many depths. */
  readonly next: readonly number[]
}

export interface PlanLimits {
  readonly maskCount: number
  readonly rows: number
}

/** How often a step begins a text and so has no guesses, at least: without it, what is worth most might never be tried. */
const newText = 1 / 64
/** Shapes rarely change after the second round. */
const rounds = 6

/**
 * Shapes for steps that begin with guesses for 0 .. maskCount depths, of the most tokens per time in the long run. A mask
 * wins nothing in its own step: it is paid now, and its guesses win tokens in the next one, if the text ends where it rides.
 * So steps are a Markov decision process, solved by policy iteration (Howard 1960) from `outlook`: the value of all shapes
 * given, each is improved alone, greedily. What is known of guesses changes slowly, and so does the plan.
 */
export function plan(
  accuracy: Accuracy,
  costs: BitaCosts,
  limits: PlanLimits,
  outlook: Outlook = fresh(limits.maskCount),
): { readonly decisions: readonly Decision[]; readonly outlook: Outlook } {
  const decide = (ahead: Outlook) =>
    Array.from({ length: limits.maskCount + 1 }, (_, levels) => bestShape(levels, accuracy, costs, limits, ahead))
  let best = { decisions: decide(outlook), outlook: { ...outlook, speed: 0 } }
  for (let round = 0, { decisions } = best; round < rounds; round++) {
    const ahead = outlookOf(decisions)
    if (ahead.speed <= best.outlook.speed) break
    best = { decisions, outlook: ahead }
    decisions = decide(ahead)
  }
  return best
}

/** Before anything is known: so that masks are tried. */
function fresh(maskCount: number): Outlook {
  return { speed: 1, worth: Array.from({ length: maskCount + 1 }, (_, levels) => levels / 2) }
}

/**
 * Long-run speed and worth of fixed shapes: of each number of levels i,
 * worth[i] = tokens[i] - speed * time[i] + sum over j of next[i][j] * worth[j], with worth[0] = 0.
 */
export function outlookOf(decisions: readonly Decision[]): Outlook {
  const rows = decisions.map(({ tokens, time, next }, i) => {
    const moved = next.map((chance, j) => (j === 0 ? time : (i === j ? 1 : 0) - (1 - newText) * chance))
    return [...moved, tokens]
  })
  const [speed, ...worth] = solve(rows)
  return { speed, worth: [0, ...worth] }
}

/** x of A x = b by elimination, the largest pivot first; `rows` are those of A with b behind. */
function solve(rows: number[][]): number[] {
  const size = rows.length
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++)
      if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row
    ;[rows[column], rows[pivot]] = [rows[pivot], rows[column]]
    for (let row = 0; row < size; row++) {
      if (row === column) continue
      const factor = rows[row][column] / rows[column][column]
      for (let at = column; at <= size; at++) rows[row][at] -= factor * rows[column][at]
    }
  }
  return rows.map((row, i) => row[size] / row[i])
}

/** Something that may be added to a shape. */
interface Addition {
  readonly rows: number
  readonly gain: number
  add(): void
}

/**
 * Adds what wins the most tokens per row, again and again: the next child of a node, with masks or without, or masks behind a
 * node. Of all shapes on the way it takes the one that wins most beyond the time of its rows.
 */
function bestShape(
  levels: number,
  accuracy: Accuracy,
  { target, head }: BitaCosts,
  { maskCount, rows: most }: PlanLimits,
  { speed, worth }: Outlook,
): Decision {
  const nodes: ShapeNode[] = [{ parent: -1, rank: 0, depth: 0 }]
  const masks = [0]
  /** Of each node, the chance to be accepted, that the text ends there, and its children so far. */
  const chances = [1]
  const ends = [1]
  const children = [0]
  const ahead = worth.map((tokens, count) => (count > 0 ? tokens - speed * head : 0))

  const additions = (): Addition[] => {
    const all: Addition[] = []
    for (const [node, { depth }] of nodes.entries()) {
      const rank = children[node]
      const chance = depth < levels && rank < mostChildren ? chances[node] * accuracy(depth + 1, rank) : 0
      // Children share what their parent has: accuracies of ranks need not sum to less than 1.
      const moved = Math.min(chance, ends[node])
      for (let count = 0; moved > 0 && count <= maskCount; count++)
        all.push({
          rows: 1 + count,
          gain: moved * (1 + ahead[count] - ahead[masks[node]]),
          add() {
            nodes.push({ parent: node, rank, depth: depth + 1 })
            masks.push(count)
            chances.push(moved)
            ends.push(moved)
            children.push(0)
            children[node]++
            ends[node] -= moved
          },
        })
      for (let count = masks[node] + 1; count <= maskCount; count++)
        all.push({
          rows: count - masks[node],
          gain: ends[node] * (ahead[count] - ahead[masks[node]]),
          add() {
            masks[node] = count
          },
        })
    }
    return all
  }

  const decided = (): Decision => {
    const next = new Array<number>(maskCount + 1).fill(0)
    for (const [node, chance] of ends.entries()) next[masks[node]] += chance
    const tokens = chances.reduce((sum, chance) => sum + chance, 0)
    const time = target.v(rows) + head * (1 - next[0])
    return { shape: { nodes: [...nodes], masks: [...masks] }, tokens, time, next }
  }
  const valueNow = ({ tokens, time, next }: Decision) =>
    tokens - speed * time + next.reduce((sum, chance, count) => sum + chance * worth[count], 0)

  let rows = 1
  let best = decided()
  for (;;) {
    const fitting = additions().filter((one) => one.gain > 0 && rows + one.rows <= most)
    if (fitting.length === 0) return best
    const chosen = fitting.reduce((a, b) => (b.gain / b.rows > a.gain / a.rows ? b : a))
    chosen.add()
    rows += chosen.rows
    const now = decided()
    if (valueNow(now) > valueNow(best)) best = now
  }
}
