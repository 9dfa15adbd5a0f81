export { type TokenizerFiles, tokenizerFiles } from './files.ts'
export { type Merge, type TrainedBpe, trainBpe } from './train.ts'
export { WordCounts, wordsOf } from './words.ts'
