export { type DecodeOptions, decode, prefill, type Step, type StopSign } from './decode.ts'
export { createDetokeniser, type Detokeniser } from './detokenise.ts'
export type { Awaitable, Budget, Draft, Drafter, Prefilled, Verdict } from './drafter.ts'
export {
  createSampler,
  gumbelNoise,
  philox4x32,
  type Sampler,
  type SamplingOptions,
  TokenHistory,
  validateSampling,
} from './sampling/index.ts'
export { measureRow, type Speedup, type Statistics, StatisticsCollector } from './statistics.ts'
export { createStopMatcher, type StopMatcher } from './stop.ts'
export { chain, TokenTree } from './tree.ts'
export { type Acceptance, verify } from './verify.ts'
