export { type Arithmetic, type Chance, floats } from './arithmetic.ts'
export { type GuessCosts, measureCosts, measureGuessCosts, type PassCosts, passCosts } from './costs.ts'
export { type DecodeOptions, decode, type PrefillOptions, prefill, type Step, type StopSign } from './decode.ts'
export { createDetokeniser, type Detokeniser } from './detokenise.ts'
export {
  type AcceptanceRule,
  type Awaitable,
  acceptanceRules,
  type Budget,
  type Draft,
  type Drafter,
  type Prefilled,
  type StepTimes,
  type Verdict,
} from './drafter.ts'
export { type HeadCosts, measureHeadCosts, measureMedusaCost, measureRidersCost } from './head-costs.ts'
export { rejection } from './rejection.ts'
export {
  createSampler,
  gumbelNoise,
  philox4x32,
  type Ranking,
  type Sampler,
  type SamplingOptions,
  TokenHistory,
  validateSampling,
} from './sampling/index.ts'
export { concatenate, type TargetStates } from './states.ts'
export { acceptance, measureRow, type Speedup, type Statistics, StatisticsCollector } from './statistics.ts'
export { createStopMatcher, type StopMatcher } from './stop.ts'
export { chain, TokenTree } from './tree.ts'
export { type Acceptance, verify } from './verify.ts'
