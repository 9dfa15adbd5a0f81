export { type ChatMessage, writeRandomCheckpoint } from './checkpoint/index.ts'
export type { SamplingOptions, Speedup, Statistics } from './decoding/index.ts'
export {
  type DraftOptions,
  type DynamicTreeOptions,
  draft,
  type EagleOptions,
  eagle,
  eagle2,
  eagle3,
  type FinishReason,
  type GenerateOptions,
  type Generation,
  type GenerationResult,
  jacobi,
  type LoadModelOptions,
  type LookaheadSizes,
  loadModel,
  lookahead,
  type Model,
  type ModelInfo,
  none,
  type Piece,
  type Prompt,
  type PromptLookupOptions,
  promptLookup,
} from './engine/index.ts'
export { type ErrorCode, PacelineError } from './errors.ts'
