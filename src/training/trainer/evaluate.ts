import { PacelineError } from '../../errors.ts'
import type { StepResult, TrainingStep } from '../step.ts'
import type { StepInputs, StepSource } from './stream.ts'

/**
 * The mean loss, and further means of the step, over all batches, each token by its weight; `null` where the signal ended it before.
 * Throws code `argument` where no token has a weight.
 */
export async function evaluate(
  step: TrainingStep,
  batches: StepSource,
  onProgress?: (share: number) => void,
  signal?: AbortSignal,
): Promise<Means | null> {
  const all: StepInputs[] = []
  for await (const batch of batches) {
    if (signal?.aborted) return null
    all.push(batch)
  }
  const sums = new Sums()
  for (const [done, { inputs, layout }] of all.entries()) {
    await breath()
    if (signal?.aborted) return null
    onProgress?.(done / all.length)
    sums.add(await step.evaluate(inputs, layout))
  }
  if (sums.weight === 0)
    throw new PacelineError('argument', `the validation data: no token of its ${all.length} batches has a weight.`)
  return sums.means()
}

export interface Means {
  readonly loss: number
  /** Left out where the step has none. */
  readonly metrics?: Readonly<Record<string, number>>
}

/** Adds up the results of micro-batches. */
export class Sums {
  weight = 0
  #loss = 0
  readonly #metrics = new Map<string, number>()

  add({ loss, weight, metrics }: StepResult): void {
    this.#loss += loss
    this.weight += weight
    for (const [name, sum] of Object.entries(metrics)) this.#metrics.set(name, (this.#metrics.get(name) ?? 0) + sum)
  }

  means(): Means {
    const metrics = Object.fromEntries(Array.from(this.#metrics, ([name, sum]) => [name, sum / this.weight]))
    return { loss: this.#loss / this.weight, ...(this.#metrics.size > 0 && { metrics }) }
  }
}

/** A step that never waits would keep the process from hearing of a signal. */
export function breath(): Promise<void> {
  return new Promise((resume) => setImmediate(resume))
}
