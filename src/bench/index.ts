export { type DeviceProfile, measureDevice } from '../runtime/index.ts'
export { type Profile, type ProfileOptions, profile, profiledRows } from './profile.ts'
export { type Question, readSuite } from './suite.ts'
export { profileTraining, type TrainingProfile, type TrainingProfileOptions } from './training.ts'
