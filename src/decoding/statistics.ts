import { median } from '../median.ts'
import type { Target } from '../model/index.ts'
import type { Step } from './decode.ts'

/** How a generation went. Times in milliseconds; counts as in the field: a forward is one pass of the target. */
export interface Statistics {
  readonly promptTokens: number
  /** Emitted tokens. */
  readonly tokens: number
  /** Forward passes of the target, without those that read the prompt. */
  readonly forwards: number
  /** Rows of all these passes. */
  readonly rows: number
  /** Forward passes of the drafter's own model. */
  readonly draftForwards: number
  /** tau: tokens per forward, bonus token included; 1 for plain decoding. */
  readonly acceptanceLength: number
  /** acceptanceByPosition[i]: of the steps that guessed at least i + 1 tokens ahead, the share that accepted that many. */
  readonly acceptanceByPosition: readonly number[]
  readonly prefillMs: number
  readonly draftMs: number
  readonly forwardMs: number
  /** Verification, sampling, copies: what is neither drafting nor a forward pass. */
  readonly otherMs: number
  /** Decoding only, without the prompt. */
  readonly tokensPerSecond: number
  /** The parts of the speedup, where the time of a one-row pass was measured. */
  readonly speedup?: Speedup
}

/** S = tau / (D + v + h); D, v and h are times per step in units of a one-row pass at the same context. */
export interface Speedup {
  readonly rowMs: number
  readonly S: number
  readonly tau: number
  readonly D: number
  readonly v: number
  readonly h: number
}

/** Adds up the steps of one generation. */
export class StatisticsCollector {
  readonly #steps: Step[] = []
  readonly #promptTokens: number
  prefillMs = 0

  constructor(promptTokens: number) {
    this.#promptTokens = promptTokens
  }

  add(step: Step): void {
    this.#steps.push(step)
  }

  /** `rowMs`: the time of a one-row pass. */
  result(rowMs?: number): Statistics {
    const total = (of: (step: Step) => number) => this.#steps.reduce((sum, step) => sum + of(step), 0)
    const tokens = total((step) => step.tokens.length)
    const forwards = total((step) => step.forwards)
    const [draftMs, forwardMs, totalMs] = [total((s) => s.draftMs), total((s) => s.forwardMs), total((s) => s.totalMs)]
    const tau = forwards ? tokens / forwards : 1
    const { guessed, accepted } = acceptance(this.#steps)
    const statistics: Statistics = {
      promptTokens: this.#promptTokens,
      tokens,
      forwards,
      rows: total((step) => step.rows),
      draftForwards: total((step) => step.draftForwards),
      acceptanceLength: tau,
      acceptanceByPosition: guessed.map((steps, i) => accepted[i] / steps),
      prefillMs: this.prefillMs,
      draftMs,
      forwardMs,
      otherMs: totalMs - draftMs - forwardMs,
      tokensPerSecond: totalMs > 0 ? (1000 * tokens) / totalMs : 0,
    }
    if (rowMs === undefined || forwards === 0) return statistics
    const perStep = (ms: number) => ms / forwards / rowMs
    const [D, v, h] = [perStep(draftMs), perStep(forwardMs), perStep(statistics.otherMs)]
    return { ...statistics, speedup: { rowMs, S: tau / (D + v + h), tau, D, v, h } }
  }
}

/** Counts steps by position: guessed[i] guessed at least i + 1 tokens ahead, accepted[i] accepted that many. */
export function acceptance(steps: readonly Step[]): { guessed: number[]; accepted: number[] } {
  const deepest = steps.reduce((max, { depth }) => Math.max(max, depth), 0)
  const counted = (of: (step: Step) => number) =>
    Array.from({ length: deepest }, (_, i) => steps.filter((step) => of(step) > i).length)
  return { guessed: counted(({ depth }) => depth), accepted: counted(({ accepted }) => accepted) }
}

/** The time of a one-row pass at the target's present context, in ms: the median of five. Nothing is committed. */
export async function measureRow(target: Target, want: 'argmax' | 'logits'): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < 5; i++) {
    const from = performance.now()
    await target.forward({ tokens: Int32Array.of(0), parents: Int32Array.of(-1) }, { head: want })
    times.push(performance.now() - from)
  }
  return median(times)
}
