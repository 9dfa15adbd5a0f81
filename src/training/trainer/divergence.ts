import { PacelineError } from '../../errors.ts'

export interface DivergenceOptions {
  /** The smoothed loss may be this many times the best smoothed loss ... */
  readonly factor: number
  /** ... for this many updates in a row. */
  readonly patience: number
}

export const defaultDivergence: DivergenceOptions = { factor: 1.5, patience: 50 }

/** What the watch remembers; part of a checkpoint, so that a resumed run stops where an uninterrupted one would. */
export interface WatchState {
  /** Exponential mean of the loss; `null` before the first update. */
  readonly smoothed: number | null
  readonly best: number | null
  readonly updatesAbove: number
}

export const freshWatch: WatchState = { smoothed: null, best: null, updatesAbove: 0 }

const memory = 0.98

/** Takes in the loss of one update. */
export function watchLoss(state: WatchState, loss: number, { factor }: DivergenceOptions): WatchState {
  const smoothed = state.smoothed === null ? loss : memory * state.smoothed + (1 - memory) * loss
  const best = state.best === null ? smoothed : Math.min(state.best, smoothed)
  return { smoothed, best, updatesAbove: smoothed > factor * best ? state.updatesAbove + 1 : 0 }
}

/** Where a run went wrong, for its error. */
export interface Place {
  readonly update: number
  /** The position in the data before the update's first batch, as the stream tells it. */
  readonly data: unknown
  /** Where the last good checkpoint is; `null` before the first. */
  readonly checkpoint: string | null
}

/** Adds to what a training step throws, of code `runtime`, where that was. */
export async function located<T>(place: Place, work: Promise<T>): Promise<T> {
  return work.catch((cause) => {
    if (!PacelineError.isInstance(cause) || cause.code !== 'runtime') throw cause
    throw new PacelineError('runtime', `update ${place.update}: ${cause.message}${situation(place)}`, { cause })
  })
}

/** Throws code `runtime` for a number that is not finite. */
export function requireFinite(name: string, value: number, place: Place): void {
  if (!Number.isFinite(value))
    throw new PacelineError('runtime', `${name} of update ${place.update} is ${value}${situation(place)}`)
}

/** Throws code `runtime` for a loss that has been far above its best for too long. */
export function requireConvergence(state: WatchState, { factor, patience }: DivergenceOptions, place: Place): void {
  if (state.updatesAbove < patience) return
  throw new PacelineError(
    'runtime',
    `the loss diverges: at update ${place.update} its mean is ${state.smoothed!.toFixed(3)}, more than ${factor} times ` +
      `the best (${state.best!.toFixed(3)}) for ${patience} updates${situation(place)}`,
  )
}

function situation({ data, checkpoint }: Place): string {
  const kept = checkpoint === null ? 'There is no checkpoint yet.' : `The last good checkpoint is ${checkpoint}.`
  return (
    ` (data position ${JSON.stringify(data)}). ${kept} ` +
    'Train again with a lower learning rate, a longer warm-up or stronger clipping, or look at that batch.'
  )
}
