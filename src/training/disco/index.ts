export {
  type DraftLog,
  DraftLogFile,
  type DraftLogHeader,
  type LoggedCosts,
  type LoggedStep,
  type LoggedText,
  readDraftLog,
} from './log.ts'
export { type MadeLog, type MakeLogOptions, type MakeLogReporter, makeDraftLog } from './make-log.ts'
export type { Quality } from './quality.ts'
export type { Replayed } from './replay.ts'
export { type TrainDiscoOptions, type TrainedDisco, trainDisco } from './train-disco.ts'
