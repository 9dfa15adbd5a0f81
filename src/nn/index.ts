export { type EagleInputs, eagle3Layer, eagleLayer, fuseTaps } from './eagle.ts'
export { decoderLayer, type KeysAndValues, type LayerContext, norm } from './layers.ts'
export { type Rotation, rotationOf } from './rope.ts'
export type { DecoderSpec, RopeScaling, RopeSpec } from './spec.ts'
