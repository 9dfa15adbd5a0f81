export { type LoadOptions, loadTargetModel, type TargetModel } from './load.ts'
export { type RowOutputs, type Rows, Target, type Want } from './target.ts'
