export { type DeviceProfile, measureDevice } from '../runtime/index.ts'
export { type Profile, type ProfileOptions, profile, profiledRows } from './profile.ts'
export { type Question, readSuite } from './suite.ts'
