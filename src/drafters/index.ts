export { none } from './none.ts'
export { type PromptLookupOptions, promptLookup } from './prompt-lookup/prompt-lookup.ts'
export { createDrafter, type DrafterName, drafterNames, parseDrafterName } from './registry.ts'
