import type { GraphBuilder, Value, Weight } from '../graph/index.ts'

/** What a loss graph says of one micro-batch: sums over its rows, all scalars. */
export interface LossValues {
  readonly loss: Value
  readonly weight: Value
  readonly metrics?: Readonly<Record<string, Value>>
}

/** One way to train: writes the loss as a graph over named inputs and weights. */
export interface Objective {
  write(g: GraphBuilder): LossValues
  /** Which weights change; all unless given. The others are constants. */
  readonly isTrainable?: (weight: Weight) => boolean
}
