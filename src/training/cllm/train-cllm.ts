import { exportLanguageModel, type TaskRunOptions, type TrainedTask, trainTask } from '../runs/index.ts'
import { type ConsistencyTaskOptions, openConsistency } from './cllm.ts'

/**
 * Published, for models of seven billion weights: blocks of 16 or 32, weight 10 of the text, one epoch at a rate of 2e-5
 * without weight decay, one iterate a pass.
 */
export const consistencyDefaults = {
  validation: 0.05,
  iterates: 8,
  augment: 0.5,
  arWeight: 10,
  guard: 0.05,
  sequences: 4,
  length: 512,
  decay: 0,
  learningRate: 1e-4,
  evaluateEvery: 100,
} as const

/** The metric of the guard: the loss of plain text. */
const guardedMetric = 'ar'

export interface ConsistencyModelOptions extends ConsistencyTaskOptions, Omit<TaskRunOptions, 'guard'> {
  /** The share by which the loss of the text may rise above what it was before; the run ends there and the best is kept. */
  readonly guard: number
}

/**
 * Tunes a model so that Jacobi decoding of it converges fast, and writes it, or its adapter, as a folder in f16. Its texts
 * are its own: those of the model that it was are no longer promised. Interrupted and resumed it gives the same weights,
 * bit for bit, as in one go. Throws as `openConsistency` and `trainTask` do.
 */
export function trainConsistency({ guard, ...options }: ConsistencyModelOptions): Promise<TrainedTask> {
  return trainTask(
    () => openConsistency(options),
    { ...options, guard: { metric: guardedMetric, share: guard } },
    { name: 'trainConsistency', write: exportLanguageModel },
  )
}
