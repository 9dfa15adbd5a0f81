export type { DrafterContext, DraftingModel, EagleDrafting, HeadCosts } from './context.ts'
export { type DraftModelOptions, draftModel, draftTop } from './draft/draft-model.ts'
export { draftFolder } from './draft/method.ts'
export { type JacobiOptions, jacobi } from './jacobi/jacobi.ts'
export { type LookaheadOptions, lookahead } from './lookahead/lookahead.ts'
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
