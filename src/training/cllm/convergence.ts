import { AnswerTally } from '../collect/index.ts'
import type { Trajectory, TrajectoryAnswer } from './trajectory.ts'

/** How fast blocks were solved: sums over them. */
export interface Convergence {
  readonly blocks: number
  readonly tokens: number
  /** Passes of the target. Each decides at least one token; all that it decides beyond were fast-forwarded. */
  readonly passes: number
  /** Tokens that were guessed right behind a wrong one, and kept until they were decided (Kou et al. 2024). */
  readonly stationary: number
}

const nothing: Convergence = { blocks: 0, tokens: 0, passes: 0, stationary: 0 }

export function convergenceOf({ tokens, iterates }: Trajectory): Convergence {
  const size = tokens.length
  /** How many tokens each iterate has right before its first wrong one. */
  const right = iterates.map(({ length }) => size - length)
  // A pass over an iterate decides what it has right and one more token: all, where only the last one is wrong.
  const enough = right.findIndex((count) => count >= size - 1)
  const passes = (enough < 0 ? iterates.length : enough) + 1
  let stationary = 0
  for (const [place, token] of tokens.entries()) {
    // From which iterate on it is right.
    let since = iterates.length
    const holds = (j: number) => place < right[j] || iterates[j][place - right[j]] === token
    while (since > 0 && holds(since - 1)) since--
    if (since < iterates.length && place > right[since]) stationary++
  }
  return { blocks: 1, tokens: size, passes, stationary }
}

/** Counts answers, and how their blocks were solved. */
export class TrajectoryTally {
  readonly answers = new AnswerTally()
  readonly #tasks = new Map<string, Convergence>()

  add(answer: TrajectoryAnswer): void {
    this.answers.add(answer)
    const before = this.#tasks.get(answer.task) ?? nothing
    this.#tasks.set(answer.task, answer.blocks.map(convergenceOf).reduce(sum, before))
  }

  /** Of one task; of all unless given. */
  convergence(task?: string): Convergence {
    if (task !== undefined) return this.#tasks.get(task) ?? nothing
    return [...this.#tasks.values()].reduce(sum, nothing)
  }

  get counts(): Readonly<Record<string, unknown>> {
    return { ...this.answers.counts, convergence: this.convergence() }
  }
}

function sum(a: Convergence, b: Convergence): Convergence {
  return {
    blocks: a.blocks + b.blocks,
    tokens: a.tokens + b.tokens,
    passes: a.passes + b.passes,
    stationary: a.stationary + b.stationary,
  }
}
