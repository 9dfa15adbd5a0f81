import type { TrainingStep } from '../step.ts'
import type { RunIdentity, StepSource, StepStream } from '../trainer/index.ts'

/** What a method brings to a run: its trainable step and the data in the form the step takes. */
export interface TrainingTask {
  /** "lm" ... */
  readonly method: string
  readonly step: TrainingStep
  readonly data: (state?: unknown) => StepStream
  readonly validation?: () => StepSource
  /** What must be the same when the run is resumed. */
  readonly identity: RunIdentity
  /** For the record of the run. */
  readonly model: Readonly<Record<string, unknown>>
  readonly about: Readonly<Record<string, unknown>>
  /** The folder with the tokenizer's files. */
  readonly tokenizer: string
  dispose(): Promise<void>
}
