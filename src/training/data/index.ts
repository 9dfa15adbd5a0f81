export { type Baseline, type Baselines, type CountingModels, measureBaselines } from './baselines.ts'
export {
  type BatchShape,
  type StreamState,
  type TokenBatch,
  TokenBatches,
  type TokenBatchesOptions,
} from './batches.ts'
export { PackedDataset, type PackedSplit, type TokenDataset } from './dataset.ts'
export { type SplitName, splitOf } from './documents.ts'
export { linesOf } from './examples.ts'
export { type Amount, type DatasetInfo, total } from './format.ts'
export { parseJsonLine } from './json-line.ts'
export { shuffled, temperatureRates } from './order.ts'
export { type PackOptions, packDataset } from './pack.ts'
export { expectedQuestion, parseQuestion, type Question } from './questions.ts'
export { openTokenizer, type Tokenizer } from './tokenizer.ts'
