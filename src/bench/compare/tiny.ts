import type { Step } from '../../decoding/index.ts'
import type { PromptRecord } from './records.ts'
import { type Run, sums } from './run.ts'

/** A step that emitted `tokens` tokens, of `guessed` guesses, with these times in milliseconds. */
export function step(tokens: number, guessed: number, draftMs: number, forwardMs: number, otherMs: number): Step {
  return {
    tokens: Array.from({ length: tokens }, (_, i) => i),
    accepted: tokens - 1,
    forwards: 1,
    rows: guessed + 1,
    depth: guessed,
    draftForwards: guessed,
    draftMs,
    forwardMs,
    totalMs: draftMs + forwardMs + otherMs,
  }
}

/** A run of these steps; `leakMs` passed where no step counts it. */
export function runOf(steps: readonly Step[], { prefillMs = 5, leakMs = 0 } = {}): Run {
  const run = sums(steps)
  return { ...run, prefillMs, loopMs: run.decodeMs + leakMs }
}

/** Twelve tokens plainly, in passes of 2 ms and 0.1 ms beside each. */
export const plainRun = runOf(Array.from({ length: 12 }, () => step(1, 0, 0, 2, 0.1)))

/** The same with three guesses a step, of which two are right: 3 tokens in 0.6 + 2.5 + 0.2 ms. */
export const draftedRun = runOf(Array.from({ length: 4 }, () => step(3, 3, 0.6, 2.5, 0.2)))

/** One record; anything may be otherwise. */
export function record(fields: Partial<PromptRecord> = {}): PromptRecord {
  return {
    kind: 'prompt',
    dtype: 'f32',
    temperature: 0,
    prompt: 0,
    task: 'qa',
    round: 0,
    plain: plainRun,
    loops: false,
    drafted: [{ drafter: 'draft:constant-3', run: draftedRun, identical: true }],
    ...fields,
  }
}
