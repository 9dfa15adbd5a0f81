export { readBitaRiders } from './bita/riders.ts'
export { draftHeadName, withTargetHead } from './draft-head.ts'
export { type EagleHeadModel, type EagleHeadOptions, type EagleHeadSources, loadEagleHead } from './eagle/head.ts'
export { type EagleHeadOutput, type EagleOutputs, type EagleRows, EagleText } from './eagle/text.ts'
export type { Embedding } from './embedding.ts'
export { type LoadOptions, loadTargetModel, type TargetModel } from './load.ts'
export {
  loadMedusaHeads,
  type MedusaHeadOutput,
  type MedusaModel,
  type MedusaModelOptions,
  type MedusaOutputs,
  type MedusaSources,
} from './medusa/heads.ts'
export type { LearnedRiders } from './riders.ts'
export { type HeadOutput, type RowOutputs, type Rows, Target, type Top, type Want } from './target.ts'
