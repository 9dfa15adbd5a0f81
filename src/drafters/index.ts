export type { DrafterContext, DraftingModel } from './context.ts'
export { type DraftModelOptions, draftModel, draftTop } from './draft/draft-model.ts'
export { draftFolder } from './draft/method.ts'
export { none } from './none.ts'
export * from './policies/index.ts'
export { type PromptLookupOptions, promptLookup } from './prompt-lookup/prompt-lookup.ts'
export {
  allDrafters,
  type DrafterFactory,
  type DrafterName,
  drafterNames,
  type Method,
  parseDrafterName,
  readDrafter,
} from './registry.ts'
