export { type DeviceProfile, measureDevice } from '../runtime/index.ts'
export { type Accuracy, type AccuracyOptions, measureAccuracy } from './accuracy.ts'
export { type Profile, type ProfileOptions, profile, profiledRows } from './profile.ts'
