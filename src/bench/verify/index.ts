export type { Divergence, TextComparison } from './compare.ts'
export { type MadeDrafters, makeDrafters, type NamedDrafter } from './drafters.ts'
export { judgeSampling } from './sampling.ts'
export { promptsForModel, type VerifyPrompt } from './texts.ts'
export {
  type SamplingTest,
  testedRule,
  type Verification,
  type VerifiedRule,
  type VerifyOptions,
  verifyDrafters,
} from './verify.ts'
