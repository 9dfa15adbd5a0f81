import type { PassCosts } from '../../decoding/index.ts'
import { mostChildren } from '../trees/levels.ts'
import type { ShapeNode } from '../trees/shape.ts'
import type { Decision, Outlook } from './outlook.ts'

/** What a step costs, in passes of the target of one row. */
export interface BitaCosts {
  readonly target: Pick<PassCosts, 'v'>
  /** What masks cost beside being rows: their prefix, and the LM head on one group of them. */
  readonly masks: number
}

/** The chance that the guess of this rank (from 0) of a depth (from 1) is right where those before it are. */
export type Accuracy = (depth: number, rank: number) => number

export interface PlanLimits {
  readonly maskCount: number
  readonly rows: number
}

/** A child of a node with so many masks, or so many masks behind the node itself. */
interface Addition {
  readonly node: number
  readonly child: boolean
  readonly masks: number
  readonly rows: number
  readonly gain: number
}

/**
 * Adds what wins the most tokens per row, again and again: the next child of a node, with masks or without, or masks behind a
 * node. Of all shapes on the way it takes the one that wins most beyond the time of its rows.
 */
export function bestShape(
  levels: number,
  accuracy: Accuracy,
  { target, masks: cost }: BitaCosts,
  { rows: most }: PlanLimits,
  { speed, worth }: Outlook,
): Decision {
  const ahead = worth.map((tokens, count) => (count > 0 ? tokens - speed * cost : 0))
  const shape = new GrowingShape(levels, accuracy, ahead)
  const decided = () => {
    const [tokens, next] = [shape.tokens, [...shape.next]]
    return { tokens, next, time: target.v(shape.rows) + cost * (1 - next[0]) }
  }
  const worthOf = ({ tokens, time, next }: Omit<Decision, 'shape'>) =>
    tokens - speed * time + next.reduce((sum, chance, count) => sum + chance * worth[count], 0)
  const taken: Addition[] = []
  let best = { ...decided(), size: 0 }
  for (;;) {
    const addition = shape.best()
    if (addition === undefined || shape.rows + addition.rows > most) break
    shape.add(addition)
    taken.push(addition)
    const now = decided()
    if (worthOf(now) > worthOf(best)) best = { ...now, size: taken.length }
  }
  const { size, ...outcome } = best
  const chosen = new GrowingShape(levels, accuracy, ahead)
  for (const addition of taken.slice(0, size)) chosen.add(addition)
  return { shape: { nodes: chosen.nodes, masks: chosen.masks }, ...outcome }
}

class GrowingShape {
  readonly nodes: ShapeNode[] = []
  readonly masks: number[] = []
  rows = 0
  /** Expected. */
  tokens = 0
  /** The chance that the text ends at a node with so many masks. */
  readonly next: number[]
  readonly #levels: number
  readonly #accuracy: Accuracy
  /** What a step is worth that begins with the guesses of so many masks. */
  readonly #ahead: readonly number[]
  /** Of each node: the chance to be accepted, that the text ends there, its children, and the best addition to it. */
  readonly #chances: number[] = []
  readonly #ends: number[] = []
  readonly #children: number[] = []
  readonly #additions: (Addition | undefined)[] = []

  constructor(levels: number, accuracy: Accuracy, ahead: readonly number[]) {
    this.#levels = levels
    this.#accuracy = accuracy
    this.#ahead = ahead
    this.next = ahead.map(() => 0)
    this.#put({ parent: -1, rank: 0, depth: 0 }, 0, 1)
  }

  /** The addition that wins most per row; the earlier node's of several. */
  best(): Addition | undefined {
    let best: Addition | undefined
    for (const one of this.#additions)
      if (one && (best === undefined || one.gain / one.rows > best.gain / best.rows)) best = one
    return best
  }

  add({ node, child, masks }: Addition): void {
    if (child) {
      const chance = this.#childChance(node)
      this.#end(node, this.#ends[node] - chance)
      const rank = this.#children[node]++
      this.#put({ parent: node, rank, depth: this.nodes[node].depth + 1 }, masks, chance)
    } else {
      const ends = this.#ends[node]
      this.#end(node, 0)
      this.rows += masks - this.masks[node]
      this.masks[node] = masks
      this.#end(node, ends)
    }
    this.#additions[node] = this.#bestOf(node)
  }

  #put(node: ShapeNode, masks: number, chance: number): void {
    const at = this.nodes.push(node) - 1
    this.masks.push(masks)
    this.#chances.push(chance)
    this.#ends.push(0)
    this.#children.push(0)
    this.rows += 1 + masks
    this.tokens += chance
    this.#end(at, chance)
    this.#additions.push(this.#bestOf(at))
  }

  #end(node: number, chance: number): void {
    this.next[this.masks[node]] += chance - this.#ends[node]
    this.#ends[node] = chance
  }

  /** Of the next child of a node. Accuracies of ranks need not sum to less than 1: children share what their parent has. */
  #childChance(node: number): number {
    const { depth } = this.nodes[node]
    const rank = this.#children[node]
    if (depth >= this.#levels || rank >= mostChildren) return 0
    return Math.min(this.#chances[node] * this.#accuracy(depth + 1, rank), this.#ends[node])
  }

  #bestOf(node: number): Addition | undefined {
    const here = this.masks[node]
    const [chance, ends] = [this.#childChance(node), this.#ends[node]]
    let best: Addition | undefined
    for (const [masks, worth] of this.#ahead.entries()) {
      const more = worth - this.#ahead[here]
      const both = [
        { node, masks, child: true, rows: 1 + masks, gain: chance * (1 + more) },
        ...(masks > here ? [{ node, masks, child: false, rows: masks - here, gain: ends * more }] : []),
      ]
      for (const one of both)
        if (one.gain > 0 && (best === undefined || one.gain / one.rows > best.gain / best.rows)) best = one
    }
    return best
  }
}
