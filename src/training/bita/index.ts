export type { BitaRecord, NewRiders } from './bita.ts'
export { bitaDefaults, exportBita, type TrainBitaOptions, trainBita } from './train-bita.ts'
