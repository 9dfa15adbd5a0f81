import type { PassCosts, StepTimes } from '../decoding/index.ts'

/** What a step was made of. */
export interface StepWork {
  /** Rows of the target's pass. */
  readonly rows: number
  /** What drafting should have taken, in passes of the target of one row. */
  readonly drafting: number
}

/** How much is left after a step of what was seen. */
const memory = 0.97
/** What the costs that were measured at first count: in squared passes of one row, and in steps. */
const prior = { rows: 1, drafting: 8 }
/** How far what a step took is believed: as a share of what it should take. What is beyond was something else. */
const believed = { least: 0.4, most: 2.5 }

/**
 * Costs that were measured once, and what steps have shown of them since: a machine that has other work makes rows dearer or
 * cheaper than they were, and what passes leave of one another in the processor's caches no measurement before knows. Rows
 * are a straight line through passes of late over what they should take, whose slope says what a row adds.
 */
export class LivingCosts {
  readonly #target: PassCosts
  /** Of passes, x the time beyond one row that they should take, y that which they took. */
  #fit = { weight: 0, x: 0, y: 0, xx: 0, xy: 0 }
  #drafting = { took: prior.drafting, expected: prior.drafting }

  constructor(target: PassCosts) {
    this.#target = target
  }

  /** What a row takes, as a share of what it should. */
  get rows(): number {
    const { weight, x, y, xx, xy } = this.#fit
    if (weight === 0) return 1
    const [spread, slope] = [xx - (x * x) / weight, xy - (x * y) / weight]
    return within((slope + prior.rows) / (spread + prior.rows))
  }

  /** What drafting takes, as a share of what it should. */
  get drafting(): number {
    return within(this.#drafting.took / this.#drafting.expected)
  }

  /** Learns from a step, and returns its time in passes of one row: what it should have been where nobody looked at a clock. */
  observe({ rows, drafting }: StepWork, took?: StepTimes): number {
    const v = this.#target.v(rows)
    if (took === undefined) return v + drafting
    const pass = v * within(took.pass / this.#target.rowMs / v)
    const x = v - 1
    const fit = this.#fit
    for (const key of ['weight', 'x', 'y', 'xx', 'xy'] as const) fit[key] *= memory
    fit.weight += 1
    fit.x += x
    fit.y += pass
    fit.xx += x * x
    fit.xy += x * pass
    if (drafting === 0) return pass
    const draft = drafting * within(took.draft / this.#target.rowMs / drafting)
    this.#drafting.took = memory * this.#drafting.took + draft
    this.#drafting.expected = memory * this.#drafting.expected + drafting
    return pass + draft
  }
}

function within(share: number): number {
  return Math.min(believed.most, Math.max(believed.least, share))
}
