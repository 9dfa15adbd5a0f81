export { type Exported, type ExportOptions, exportRun } from './export.ts'
export {
  type LanguageModelOptions,
  type LanguageModelStepOptions,
  languageModelTensors,
  type NewShape,
  openLanguageModel,
} from './language-model.ts'
export type { Objective } from './objective.ts'
export { type RunFolder, type RunRecord, readRecord, runFolder } from './record.ts'
export { drawCurve, type RunOptions, runTraining } from './run.ts'
export { type FromTokens, nextTokenInputs, tokenStream, validationInputs } from './token-stream.ts'
