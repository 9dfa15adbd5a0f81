export { GraphBuilder } from './builder.ts'
export { differentiate } from './differentiate.ts'
export { type InterpreterState, interpret, type RowKeysAndValues } from './interpret.ts'
export { parameterName, prune, withTrainable } from './trainable.ts'
export {
  type AllOperations,
  type AttentionAttributes,
  type CacheSpec,
  type Dim,
  type Graph,
  type Input,
  isWeight,
  type Node,
  type Operations,
  type OpName,
  type Precision,
  type Shape,
  type TrainingOperations,
  type TrainingOpName,
  type Value,
  type Weight,
} from './types.ts'
