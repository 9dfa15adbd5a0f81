export * from './data/index.ts'
export * from './runs/index.ts'
export type { BatchLayout, StepResult, TrainingStep } from './step.ts'
export * from './trainer/index.ts'
