export { type MedusaRecord, type NewHeads, openMedusa } from './medusa.ts'
export { exportMedusa, medusaDefaults, type TrainMedusaOptions, trainMedusa } from './train-medusa.ts'
