export { gumbelNoise } from './gumbel.ts'
export { TokenHistory } from './history.ts'
export { type SamplingOptions, type SamplingSettings, validateSampling } from './options.ts'
export { createSampler, type Sampler } from './sampler.ts'
