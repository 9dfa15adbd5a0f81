export { type DraftVocabulary, draftVocabulary } from './draft-vocabulary.ts'
export { type EagleOptions, type HeadRecord, openEagle } from './eagle.ts'
export type { NewHead } from './head-spec.ts'
export { eagleDefaults, exportEagle, type TrainEagleOptions, type TrainedHead, trainEagle } from './train-eagle.ts'
