import type { PassCosts, StepTimes } from '../decoding/index.ts'
import { believed, LivingLine } from './living-line.ts'
import { Probes } from './probes.ts'

/** What a step was made of. */
export interface StepWork {
  /** Rows of the target's pass. */
  readonly rows: number
  /** What drafting should have taken beyond a first pass of one row; `undefined` where nothing was asked. */
  readonly drafting: number | undefined
  /** Tokens that it decided. */
  readonly tokens: number
}

/** How much is left after a step of what was seen of the speed. */
const memory = 0.98
/** By how much a step without guesses moves what they are held to take: a median moves by steps, and not by how far off a time is. */
const plainStep = 1.05
/** Prices of rows and passes are so far from what they were measured to be, as a share, at most. */
const shares = { least: 0.4, most: 2.5 }
/** Where the lines that were measured know best: rows of a tree, and passes of a draft. */
const typical = { rows: 8, passes: 5 }
/**
 * Where guessing wins less than half as much again as plain steps, some of those are taken after so many steps with guesses:
 * nothing else tells what guesses have to beat. The first ones do not count, coming behind what guesses left in the caches.
 */
const doubt = { speed: 1.5, steps: 64, plainSteps: 4, disturbed: 2 }

/**
 * What steps cost, as it was measured and as steps have shown since, in passes of one row as they were measured. A
 * measurement sees a pass between others of its kind: it does not know what drafting leaves in the processor's caches for the pass
 * behind it, nor what else the machine will do. Steps that guess are two straight lines, the time of the pass over what its rows
 * should add and that of the draft over what its passes should: their slopes are the prices of further rows and passes,
 * and what they come to beyond a step without guesses is the price to begin with.
 */
export class LivingCosts {
  readonly #target: PassCosts
  readonly #first: number
  readonly #pass: LivingLine
  readonly #draft: LivingLine
  /** Of steps without guesses: their time, and how many there were one after the other. */
  #plain: number | undefined
  #plainSteps = 0
  /** Steps with guesses since those. */
  #guessingSteps = 0
  #tokens = 1
  #time = 1
  readonly #probes = new Probes()

  /** `first`, `next`: the first pass of a draft and a further one, both of one row, in passes of the target of one row. */
  constructor(target: PassCosts, { first, next }: { readonly first: number; readonly next: number }) {
    this.#target = target
    this.#first = first
    this.#pass = new LivingLine({ height: 1, slope: 1, at: target.v(typical.rows) - 1 })
    this.#draft = new LivingLine({ height: first, slope: 1, at: typical.passes * next })
  }

  /** What guessing takes before further rows and passes: its first pass, and all by which it makes a step slower. */
  get entry(): number {
    return Math.max(0, this.#draft.height + this.#pass.height - this.plain)
  }

  /** What a row takes, as a share of what it should. */
  get rows(): number {
    return within(this.#pass.slope)
  }

  /** What drafting takes beyond its first pass, as a share of what it should. */
  get drafting(): number {
    return within(this.#draft.slope)
  }

  /** A step without guesses; as long as none was seen, what one with guesses takes but for them. */
  get plain(): number {
    return this.#plain ?? this.#pass.height
  }

  /** A step that guesses: with so many rows, and drafting as of `StepWork`. */
  guessing(rows: number, drafting: number): number {
    return this.plain + this.entry + this.rows * (this.#target.v(rows) - 1) + this.drafting * drafting
  }

  /** Tokens that time wins elsewhere: as steps went of late, or without guesses where that is faster. */
  get speed(): number {
    return Math.max(this.#tokens / this.#time, 1 / this.plain)
  }

  /** Whether a step without guesses is due, because the last one is long ago and might have won as much. */
  get doubts(): boolean {
    return this.#guessingSteps >= doubt.steps && this.#tokens / this.#time < doubt.speed / this.plain
  }

  /** Whether a step that guesses is due, though none may pay. */
  get tries(): boolean {
    return this.#probes.due
  }

  /** Learns from a step. Where nobody looked at a clock it took what it should have. */
  observe(work: StepWork, took?: StepTimes): void {
    this.#probes.observe({ guessed: work.drafting !== undefined, won: work.tokens > 1 })
    this.#tokens = memory * this.#tokens + work.tokens
    this.#time = memory * this.#time + (took === undefined ? this.#measured(work) : this.#learn(work, took))
  }

  #measured({ rows, drafting }: StepWork): number {
    return this.#target.v(rows) + (drafting === undefined ? 0 : this.#first + drafting)
  }

  #learn({ rows, drafting }: StepWork, { draft, pass }: StepTimes): number {
    const { v, rowMs } = this.#target
    if (drafting === undefined) return this.#learnPlain((draft + pass) / rowMs)
    this.#plainSteps = 0
    this.#guessingSteps++
    return this.#pass.learn(v(rows) - 1, pass / rowMs) + this.#draft.learn(drafting, draft / rowMs)
  }

  #learnPlain(seen: number): number {
    const { plain } = this
    if (++this.#plainSteps > doubt.disturbed) this.#plain = seen > plain ? plain * plainStep : plain / plainStep
    if (this.#plainSteps >= doubt.plainSteps) this.#guessingSteps = 0
    return believed(seen, plain)
  }
}

function within(share: number): number {
  return Math.min(shares.most, Math.max(shares.least, share))
}
