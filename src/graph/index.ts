export { GraphBuilder } from './builder.ts'
export { type InterpreterState, interpret, type RowKeysAndValues } from './interpret.ts'
export {
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
  type Value,
  type Weight,
} from './types.ts'
