export { type LoadOptions, loadTargetModel, type TargetModel } from './load.ts'
export { type HeadOutput, type RowOutputs, type Rows, Target, type Top, type Want } from './target.ts'
