import type { CurvePoint } from './curve.ts'

/** What there is to tell after an update. */
export interface Progress extends CurvePoint {
  /** Of the evaluation after this update, where the step has metrics. */
  readonly validationMetrics?: Readonly<Record<string, number>>
  /** Exponential mean of the loss. */
  readonly smoothedLoss: number
  /** Share of the budget that is spent, 0 to 1. */
  readonly share: number
  /** Over the latest updates, evaluations and checkpoints not counted. */
  readonly tokensPerSecond: number
  /** Until the budget is spent, at the pace of this process so far; `null` while that is unknown. */
  readonly secondsLeft: number | null
  readonly best: { readonly update: number; readonly loss: number } | null
}

/** Who is told how a run goes. The trainer prints nothing, and waits where it is given a promise. */
export interface Reporter {
  /** It is known where the run begins, nothing is trained yet. */
  started?(updates: number): void | Promise<void>
  progress?(progress: Progress): void
  /** Between 0 and 1 while the validation data is evaluated, which may take a while. */
  evaluating?(share: number): void
  saved?(folder: string): void | Promise<void>
  /** A remark in one sentence: what was passed over, where a run goes on. */
  remark?(text: string): void
}

/** Speed of the latest updates and time left, by a clock in seconds. */
export class Pace {
  readonly #shareAtStart: number
  readonly #start: number
  #seconds = 0
  #tokens = 0

  constructor(share: number, now: number) {
    this.#shareAtStart = share
    this.#start = now
  }

  /** Takes in one update. */
  add(tokens: number, seconds: number): void {
    const memory = 0.95
    this.#tokens = memory * this.#tokens + tokens
    this.#seconds = memory * this.#seconds + seconds
  }

  get tokensPerSecond(): number {
    return this.#seconds > 0 ? this.#tokens / this.#seconds : 0
  }

  secondsLeft(share: number, now: number): number | null {
    const done = share - this.#shareAtStart
    return done > 0 ? ((now - this.#start) * (1 - share)) / done : null
  }
}
