import { acceptance, type DecodeOptions, type Drafter, decode, prefill, type Step } from '../../decoding/index.ts'
import type { TargetModel } from '../../model/index.ts'

/** One text, written and timed. Times in milliseconds, sums over steps; plain data, so that it can be stored. */
export interface Run {
  /** Emitted tokens, up to the one that ended the text: the same count for every drafter. */
  readonly tokens: number
  /** Passes of the target, those over the prompt not counted. */
  readonly forwards: number
  /** Rows of these passes. */
  readonly rows: number
  readonly draftForwards: number
  readonly draftMs: number
  readonly forwardMs: number
  /** All of every step: drafting, passes, everything else. */
  readonly decodeMs: number
  /** The prompt: target and drafter read it. */
  readonly prefillMs: number
  /** The loop by a clock outside of it. What it has beyond `decodeMs` was spent where no step counts it. */
  readonly loopMs: number
  /** guessed[i], accepted[i]: steps that guessed, and that accepted, at least i + 1 tokens. */
  readonly guessed: readonly number[]
  readonly accepted: readonly number[]
}

export interface TimedRun {
  readonly run: Run
  readonly ids: readonly number[]
  /** Bytes of the target's cache. */
  readonly cacheBytes: number
}

/**
 * Writes one text from an empty cache. Afterwards the drafter holds nothing of the text, so that the next run pays for its
 * prompt whichever text was before. Throws as `prefill` and `decode` do.
 */
export async function timeRun(
  model: TargetModel,
  drafter: Drafter,
  prompt: readonly number[],
  options: DecodeOptions,
): Promise<TimedRun> {
  const target = model.createTarget()
  try {
    const steps: Step[] = []
    const started = performance.now()
    await prefill(target, drafter, prompt, options)
    const prefilled = performance.now()
    for await (const step of decode(target, drafter, prompt, options)) steps.push(step)
    const ended = performance.now()
    const times = { prefillMs: prefilled - started, loopMs: ended - prefilled }
    return {
      run: { ...sums(steps), ...times },
      ids: steps.flatMap(({ tokens }) => tokens),
      cacheBytes: target.cacheBytes,
    }
  } finally {
    target.dispose()
    await drafter.dispose?.()
  }
}

/** What the steps of a text come to. */
export function sums(steps: readonly Step[]): Omit<Run, 'prefillMs' | 'loopMs'> {
  const total = (of: (step: Step) => number) => steps.reduce((sum, step) => sum + of(step), 0)
  return {
    tokens: total(({ tokens }) => tokens.length),
    forwards: total(({ forwards }) => forwards),
    rows: total(({ rows }) => rows),
    draftForwards: total(({ draftForwards }) => draftForwards),
    draftMs: total(({ draftMs }) => draftMs),
    forwardMs: total(({ forwardMs }) => forwardMs),
    decodeMs: total(({ totalMs }) => totalMs),
    ...acceptance(steps),
  }
}
