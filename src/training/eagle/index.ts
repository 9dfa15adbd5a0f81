export { type EagleOptions, type HeadRecord, openEagle } from './eagle.ts'
export { type NewHead, newHeadSpec } from './head-spec.ts'
export { eagleDefaults, exportEagle, type TrainEagleOptions, trainEagle } from './train-eagle.ts'
