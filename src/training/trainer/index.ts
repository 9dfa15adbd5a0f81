export { type Budget, shareSpent, validateBudget } from './budget.ts'
export { type ChartOptions, chart } from './chart.ts'
export type { StoredCheckpoint, TrainerState } from './checkpoint-file.ts'
export { Checkpoints, type CheckpointsOptions } from './checkpoints.ts'
export { Curve, type CurvePoint } from './curve.ts'
export { type DivergenceOptions, defaultDivergence } from './divergence.ts'
export type { Guard } from './guard.ts'
export { firstDifference, type RunIdentity } from './identity.ts'
export type { Progress, Reporter } from './progress.ts'
export {
  createSchedule,
  type Schedule,
  type ScheduleName,
  type ScheduleOptions,
  scheduleDefaults,
  scheduleNames,
} from './schedule.ts'
export type { Storage } from './storage.ts'
export type { StepInputs, StepSource, StepStream } from './stream.ts'
export { type TrainOptions, type TrainResult, train } from './trainer.ts'
