import { PacelineError } from '../../errors.ts'
import { type Budget, shareSpent } from './budget.ts'
import type { StoredCheckpoint } from './checkpoint-file.ts'
import type { Checkpoints } from './checkpoints.ts'
import { type RunIdentity, requireSameRun } from './identity.ts'
import type { Reporter } from './progress.ts'
import { decayStart, type ScheduleOptions } from './schedule.ts'

export interface StartOptions {
  readonly checkpoints: Checkpoints
  readonly identity: RunIdentity
  readonly schedule: ScheduleOptions
  readonly budget: Budget
  readonly resume: boolean
  readonly reporter?: Reporter | undefined
}

/**
 * The checkpoint to go on from: the newest whole one, or, when a run whose rate had begun to decay is given a larger
 * budget, the one before that. `null`: the beginning.
 * Throws code `argument` where there are checkpoints and `resume` is false, `checkpoint` for those of another run.
 */
export async function findStart(options: StartOptions): Promise<StoredCheckpoint | null> {
  const { checkpoints, identity, resume, reporter } = options
  if (!resume) {
    if ((await checkpoints.updates()).length > 0)
      throw new PacelineError(
        'argument',
        `${checkpoints.folder}: there are checkpoints already. Resume that run (--resume), or train into another folder.`,
      )
    return null
  }
  const newest = await checkpoints.load((problem) => reporter?.remark?.(problem))
  if (newest === null) return null
  requireSameRun(newest.identity, identity, newest.folder)
  return (await beforeDecay(newest, options)) ?? newest
}

/** The checkpoint before the rate fell, where with the present budget it would not have fallen yet. */
async function beforeDecay(
  { trainer: { updates, stable } }: StoredCheckpoint,
  { checkpoints, schedule, budget, reporter }: StartOptions,
): Promise<StoredCheckpoint | null> {
  const start = decayStart(schedule)
  if (start === null || stable === null || stable === updates) return null
  const checkpoint = await checkpoints.read(stable)
  if (shareSpent(budget, checkpoint.trainer) >= start) return null
  reporter?.remark?.(`The budget is larger: going on from update ${stable}, before the learning rate began to fall.`)
  return checkpoint
}
