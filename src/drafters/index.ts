export { bita } from './bita/bita.ts'
export { comb } from './bita/trees.ts'
export {
  type BitaDrafting,
  type DrafterContext,
  type DraftingModel,
  type EagleDrafting,
  forAnyDrafter,
  type MedusaDrafting,
} from './context.ts'
export { type DraftModelOptions, draftModel, draftTop } from './draft/draft-model.ts'
export { draftFolder } from './draft/method.ts'
export { type DynamicTreeSizes, dynamicTree } from './eagle/dynamic-tree.ts'
export { eagle } from './eagle/eagle.ts'
export type { Growth } from './eagle/growth.ts'
export { eagleFolders } from './eagle/method.ts'
export { payingGrowth } from './eagle/paying-growth.ts'
export { payingStaticGrowth, staticGrowth } from './eagle/static-growth.ts'
export { publishedPaths, type Shape, shapeOf } from './eagle/static-tree.ts'
export type { TreeCosts } from './eagle/tree-costs.ts'
export { type JacobiOptions, jacobi } from './jacobi/jacobi.ts'
export { type LookaheadOptions, lookahead } from './lookahead/lookahead.ts'
export { medusa } from './medusa/medusa.ts'
export { medusaFolder } from './medusa/method.ts'
export { type SearchedTree, searchTree, type TreeSearchLimits } from './medusa/tree-search.ts'
export { expectedTree, type MedusaCosts, type MedusaTree, payingTree } from './medusa/trees.ts'
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
export { TextTokens } from './text-tokens.ts'
