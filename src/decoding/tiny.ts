import type { TargetModel } from '../model/index.ts'
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

/**
 * The same model on an executor that rounds: logits of passes of at least `from` rows are off by up to `error`, others are
 * exact, and so are features, keys and values.
 */
export function withRowNoise(model: TargetModel, error: number, from = 2): TargetModel {
  const { vocabSize } = model.spec
  let state = 1
  const noise = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return error * (state / 2 ** 31 - 1)
  }
  return {
    ...model,
    createTarget(capacity) {
      const target = model.createTarget(capacity)
      const forward = target.forward.bind(target)
      target.forward = async (rows, want) => {
        if (want.head === undefined || rows.tokens.length < from) return forward(rows, want)
        const { logits: exact, ...outputs } = await forward(rows, { ...want, head: 'logits' })
        const logits = exact!.map((logit) => logit + noise())
        if (want.head !== 'argmax') return { ...outputs, logits }
        const argmax = Int32Array.from({ length: logits.length / vocabSize }, (_, row) => {
          const values = logits.subarray(row * vocabSize, (row + 1) * vocabSize)
          return values.indexOf(values.reduce((a, b) => Math.max(a, b)))
        })
        return { ...outputs, argmax }
      }
      return target
    },
  }
}
