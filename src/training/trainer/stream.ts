import type { Awaitable } from '../../decoding/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { BatchLayout } from '../step.ts'

/** What one call of a training step gets. Every objective makes these from its data; the trainer looks at none of it. */
export interface StepInputs {
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly layout: BatchLayout
  /** How many tokens these are, for budgets and speed. */
  readonly tokens: number
}

/** Step inputs without end. `state` is JSON; a stream made anew from it goes on with the same inputs. */
export interface StepStream {
  next(): Awaitable<StepInputs>
  readonly state: unknown
}

/** Step inputs that end. */
export type StepSource = Iterable<StepInputs> | AsyncIterable<StepInputs>
