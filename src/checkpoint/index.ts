export { baseModelOf, parseAdapterConfig, toAdapterConfig, wholeAdapter } from './adapter/config.ts'
export type { Adapter } from './adapter/open.ts'
export {
  type AdapterSpec,
  adapterPrefix,
  adapterScale,
  adapterTensors,
  downName,
  linearModules,
  upName,
} from './adapter/spec.ts'
export { type AdapterContent, writeAdapter } from './adapter/write.ts'
export { type Bita, openBita } from './bita/open.ts'
export { type BitaSpec, bitaParameters, bitaTensors, maskTokensName, prefixName } from './bita/spec.ts'
export { type BitaContent, writeBita } from './bita/write.ts'
export { byteCharacters, byteLevelTokenizer, tokenizerConfig } from './byte-level.ts'
export type { ChatMessage } from './chat.ts'
export { type Checkpoint, openCheckpoint, openTextCodec } from './checkpoint.ts'
export { applyGenerationConfig, parseConfig, supportedArchitectures } from './config.ts'
export { type EagleHead, openEagleHead } from './eagle-head/open.ts'
export type { EagleHeadSpec, EagleKind } from './eagle-head/spec.ts'
export { eagleHeadTensors } from './eagle-head/tensors.ts'
export { type EagleHeadContent, writeEagleHead } from './eagle-head/write.ts'
export { tokenizerFolder } from './folders.ts'
export { readJson } from './json.ts'
export { type MedusaHeads, openMedusaHeads } from './medusa-head/open.ts'
export type { MedusaLmHead, MedusaSpec } from './medusa-head/spec.ts'
export { blockName, lmHeadName, medusaTensors, sharedLmHeadName } from './medusa-head/tensors.ts'
export { type MedusaContent, writeMedusaHeads } from './medusa-head/write.ts'
export { randomCheckpoint, randomSource } from './random.ts'
export { type Dtype, defaultRecipe, dtypes, precisionOf, type Recipe } from './recipe.ts'
export { renamed } from './renamed.ts'
export { type ConvertedTokenizer, convertSentencePiece } from './sentencepiece/convert.ts'
export { shapeNames, shapeSpec } from './shapes.ts'
export type { ModelSpec } from './spec.ts'
export { type StoredDType, storedDTypes } from './stored-dtype.ts'
export { type CheckpointSummary, describeCheckpoint } from './summary.ts'
export { type ExpectedTensor, expectedTensors } from './tensors.ts'
export type { ChatOptions, TextCodec } from './text.ts'
export { toConfig } from './to-config.ts'
export { validateTensors } from './validate.ts'
export { type ModelContent, writeModel } from './write-model.ts'
export { type RandomCheckpointOptions, writeRandomCheckpoint } from './write-random.ts'
