/*
 * `paceline/train`: data, training and what comes of it. Apart from `paceline`, so that an application that only generates
 * loads none of it.
 */
export type { StoredDType } from './checkpoint/index.ts'
export {
  type Amount,
  type Baselines,
  type Budget,
  type ConsistencyModelOptions,
  consistencyDefaults,
  type DatasetInfo,
  type Exported,
  type ExportModelOptions,
  eagleDefaults,
  exportTrained,
  type LowRankOptions,
  languageModelTensors,
  measureBaselines,
  medusaDefaults,
  type NewShape,
  PackedDataset,
  type PackOptions,
  type Progress,
  packDataset,
  type Reporter,
  type ScheduleName,
  type ScheduleOptions,
  type TrainEagleOptions,
  type TrainedTask,
  type TrainerState,
  type TrainLanguageModelOptions,
  type TrainMedusaOptions,
  trainConsistency,
  trainEagle,
  trainLanguageModel,
  trainMedusa,
} from './training/index.ts'
