import type { Prefilled, Verdict } from './drafter.ts'
import { createSampler, type SamplingOptions } from './sampling/index.ts'

/** What a drafter is told when a text of a small vocabulary begins: what tests of drafters start with. */
export function begun(tokens: readonly number[], sampling: SamplingOptions = {}, vocabSize = 64): Prefilled {
  return { tokens, sampler: createSampler(sampling, vocabSize), rule: 'target-draw' }
}

/** The outcome of a step that emitted these tokens, of a drafter that asks for nothing else. */
export function emitting(...emitted: number[]): Verdict {
  return { path: emitted.map((_, i) => i), bonus: emitted[emitted.length - 1], emitted, draw: () => 0 }
}
