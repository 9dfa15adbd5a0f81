export {
  type BitaOptions,
  bita,
  type DraftOptions,
  type DynamicTreeOptions,
  draft,
  type EagleOptions,
  eagle,
  eagle2,
  eagle3,
  type JacobiSizes,
  jacobi,
  type LookaheadSizes,
  lookahead,
  type MedusaOptions,
  medusa,
  none,
  type PromptLookupOptions,
  promptLookup,
} from './drafters.ts'
export { createDraftingResources, type DraftingResources } from './drafting.ts'
export { generate, type LoadedModel } from './generate.ts'
export type { Generation } from './generation.ts'
export { type GenerateOptions, type LoadModelOptions, loadModel, type Model } from './model.ts'
export type { LoadSettings, ModelInfo } from './protocol.ts'
export type { FinishReason, GenerateRequest, GenerationResult, Piece, Prompt } from './request.ts'
