import { PacelineError } from '../../errors.ts'
import type { TrainingStep } from '../step.ts'
import type { StepInputs } from './stream.ts'

/**
 * The mean loss over all batches, each token by its weight; `null` where the signal ended it before.
 * Throws code `argument` where no token has a weight.
 */
export async function evaluate(
  step: TrainingStep,
  batches: Iterable<StepInputs>,
  onProgress?: (share: number) => void,
  signal?: AbortSignal,
): Promise<number | null> {
  const all = [...batches]
  let [loss, weight] = [0, 0]
  for (const [done, { inputs, layout }] of all.entries()) {
    await breath()
    if (signal?.aborted) return null
    onProgress?.(done / all.length)
    const result = await step.evaluate(inputs, layout)
    loss += result.loss
    weight += result.weight
  }
  if (weight === 0)
    throw new PacelineError('argument', `the validation data: no token of its ${all.length} batches has a weight.`)
  return loss / weight
}

/** A step that never waits would keep the process from hearing of a signal. */
export function breath(): Promise<void> {
  return new Promise((resume) => setImmediate(resume))
}
