export { decoderLayer, type LayerContext, norm } from './layers.ts'
export { type Rotation, rotationOf } from './rope.ts'
export type { DecoderSpec, RopeScaling, RopeSpec } from './spec.ts'
