import { PacelineError } from '../../errors.ts'
import type { Evaluated } from './checkpoint-file.ts'

/** Ends a run that spoils what the model could do before. */
export interface Guard {
  /** The metric of the validation data that is watched; lower is better. */
  readonly metric: string
  /** The share by which it may rise above what it was before the first update. */
  readonly share: number
}

/** Throws code `argument` for a guard that cannot be kept. */
export function validateGuard({ metric, share }: Guard, hasValidation: boolean): void {
  if (!(share >= 0)) throw new PacelineError('argument', `the guard's share is ${share}, expected a number from 0 on.`)
  if (!hasValidation)
    throw new PacelineError(
      'argument',
      `there is no validation data for the guard to see ${metric} of: set some aside.`,
    )
}

/** Throws code `argument` where the step has no such metric. */
export function guarded({ metric }: Guard, { metrics = {} }: Pick<Evaluated, 'metrics'>): number {
  if (metric in metrics) return metrics[metric]
  throw new PacelineError(
    'argument',
    `the guard watches "${metric}", expected one of the step's metrics: ${Object.keys(metrics).join(', ') || 'it has none'}.`,
  )
}

/** Whether the metric is as low as the guard wants it. */
export function holds(guard: Guard, baseline: Evaluated, now: Pick<Evaluated, 'metrics'>): boolean {
  return guarded(guard, now) <= guarded(guard, baseline) * (1 + guard.share)
}
