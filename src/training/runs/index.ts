export { type Exported, type ExportedContent, type ExportOptions, exportRun } from './export.ts'
export {
  type LanguageModelOptions,
  languageModelTensors,
  type NewShape,
  newModelSpec,
  openLanguageModel,
  requireContext,
  requireTokenizer,
} from './language-model.ts'
export { type RunFolder, type RunRecord, readRecord, runFolder } from './record.ts'
export { drawCurve, type RunOptions, runTraining } from './run.ts'
export type { TrainingTask } from './task.ts'
export {
  datasetFingerprint,
  type FromTokens,
  nextTokenInputs,
  requireSequences,
  tokenStream,
  validationInputs,
} from './token-stream.ts'
export {
  type ExportModelOptions,
  exportLanguageModel,
  languageModelDefaults,
  type TrainLanguageModelOptions,
  trainLanguageModel,
} from './train-language-model.ts'
export { type TaskRunOptions, type TrainedTask, trainTask } from './train-task.ts'
export { type LowRankOptions, type Tuned, tuned } from './tuned.ts'
