import { PacelineError } from '../../errors.ts'

export const scheduleNames = ['cosine', 'linear', 'constant', 'warmup-stable-decay'] as const
export type ScheduleName = (typeof scheduleNames)[number]

export interface ScheduleOptions {
  readonly schedule: ScheduleName
  /** The highest learning rate. */
  readonly learningRate: number
  /** Updates over which the rate rises linearly from 0. */
  readonly warmup: number
  /** The last learning rate as a share of the highest; not for `constant`. */
  readonly finalShare?: number
  /** Share of the run in which `warmup-stable-decay` decays. */
  readonly decayShare?: number
}

const defaultDecayShare = 0.2

export const scheduleDefaults = {
  schedule: 'cosine',
  learningRate: 1e-3,
  warmup: 100,
} as const satisfies ScheduleOptions

/**
 * The learning rate of an update: `updates` were made before it, and `share` (0 to 1) of the run's budget is spent. The
 * budget may be one of updates, tokens or time; a schedule only knows how much of it is gone.
 */
export type Schedule = (updates: number, share: number) => number

/**
 * `cosine` is half a cosine from the highest rate to the last (Loshchilov & Hutter 2017, section 3, without restarts).
 * `warmup-stable-decay` stays at the highest and decays over the last `decayShare` as 1 - sqrt(x) (Hägele et al. 2024,
 * section 3): a run that has not begun to decay can be given a larger budget as if it had had it from the beginning.
 * Throws code `argument` for values out of range.
 */
export function createSchedule(options: ScheduleOptions): Schedule {
  const {
    schedule,
    learningRate,
    warmup,
    finalShare = schedule === 'cosine' ? 0.1 : 0,
    decayShare = defaultDecayShare,
  } = options
  if (!scheduleNames.includes(schedule)) throw wrong('schedule', schedule, `one of ${scheduleNames.join(', ')}`)
  if (!(learningRate > 0 && learningRate < Infinity)) throw wrong('learningRate', learningRate, 'a number above 0')
  if (!(Number.isInteger(warmup) && warmup >= 0)) throw wrong('warmup', warmup, 'a number of updates, 0 or more')
  if (!(finalShare >= 0 && finalShare <= 1)) throw wrong('finalShare', finalShare, 'a number from 0 to 1')
  if (!(decayShare > 0 && decayShare <= 1)) throw wrong('decayShare', decayShare, 'a number above 0, at most 1')

  const shapes: Record<ScheduleName, (share: number) => number> = {
    constant: () => 1,
    linear: (share) => finalShare + (1 - finalShare) * (1 - share),
    cosine: (share) => finalShare + ((1 - finalShare) * (1 + Math.cos(Math.PI * share))) / 2,
    'warmup-stable-decay': (share) => {
      const decayed = Math.max(0, (share - (1 - decayShare)) / decayShare)
      return finalShare + (1 - finalShare) * (1 - Math.sqrt(decayed))
    },
  }
  const shape = shapes[schedule]
  // The first update already moves: its rate is one step up the ramp, not 0.
  const ramp = (updates: number) => Math.min(1, (updates + 1) / (warmup + 1))
  return (updates, share) => learningRate * ramp(updates) * shape(Math.min(1, Math.max(0, share)))
}

/** The share of the budget from which `warmup-stable-decay` falls; `null` for the others. */
export function decayStart({ schedule, decayShare = defaultDecayShare }: ScheduleOptions): number | null {
  return schedule === 'warmup-stable-decay' ? 1 - decayShare : null
}

/** True where the rate at every moment depends on how large the budget is, so that it cannot be changed on the way. */
export function dependsOnBudget(schedule: ScheduleName): boolean {
  return schedule === 'cosine' || schedule === 'linear'
}

function wrong(name: string, value: unknown, expected: string): PacelineError {
  return new PacelineError('argument', `${name} is ${value}, expected ${expected}.`)
}
