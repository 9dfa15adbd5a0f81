import { PacelineError } from '../../errors.ts'
import type { TrainingStep } from '../step.ts'
import { type Budget, shareSpent, validateBudget } from './budget.ts'
import type { TrainerState } from './checkpoint-file.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Curve, CurvePoint } from './curve.ts'
import {
  type DivergenceOptions,
  defaultDivergence,
  freshWatch,
  located,
  type Place,
  requireConvergence,
  requireFinite,
  watchLoss,
} from './divergence.ts'
import { breath, evaluate, type Means, Sums } from './evaluate.ts'
import { type Guard, guarded, holds, validateGuard } from './guard.ts'
import type { RunIdentity } from './identity.ts'
import { Pace, type Reporter } from './progress.ts'
import { createSchedule, decayStart, dependsOnBudget, type ScheduleOptions } from './schedule.ts'
import { findStart } from './start.ts'
import type { StepSource, StepStream } from './stream.ts'

export interface TrainOptions {
  readonly step: TrainingStep
  /** Makes the stream of training inputs, at the beginning or from the `state` of an earlier one. */
  readonly data: (state?: unknown) => StepStream
  /** The validation inputs, the same ones each time; without it there is no evaluation and no best checkpoint. */
  readonly validation?: () => StepSource
  readonly schedule: ScheduleOptions
  readonly budget: Budget
  /** Micro-batches per update. */
  readonly accumulate?: number
  /** In updates. There is also an evaluation and a checkpoint at the end. */
  readonly evaluateEvery: number
  readonly checkpointEvery: number
  readonly divergence?: DivergenceOptions
  /** Ends the run, and keeps its best, when a metric of the validation data rises; evaluates before the first update. */
  readonly guard?: Guard
  readonly checkpoints: Checkpoints
  readonly curve?: Curve
  /** What must be the same when the run is resumed, apart from the options above. */
  readonly identity: RunIdentity
  /** Goes on from the newest whole checkpoint; from the beginning where there is none. */
  readonly resume?: boolean
  /** Ends the run after the update or within the evaluation in progress, with a checkpoint. */
  readonly signal?: AbortSignal
  readonly reporter?: Reporter
  /** In seconds. */
  readonly clock?: () => number
}

export interface TrainResult {
  readonly reason: 'finished' | 'interrupted' | 'guarded'
  readonly state: TrainerState
  /** The checkpoint of `state`. */
  readonly checkpoint: string
}

/**
 * Trains until the budget is spent. A run that was ended at any moment, by a signal, a crash or a power cut, and resumed
 * gives the same parameters, bit for bit, as one that was not, unless time is what its schedule follows.
 * Throws code `argument` for options out of range, or where there are checkpoints and `resume` is not set; `checkpoint`
 * when resuming another run; `runtime` when the loss is not finite or diverges; `file` when the disk fails.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { step, budget, accumulate = 1, evaluateEvery, checkpointEvery, checkpoints, curve, validation } = options
  const { divergence = defaultDivergence, guard, signal, reporter, clock = () => performance.now() / 1000 } = options
  validateBudget(budget)
  for (const [name, value] of Object.entries({ accumulate, evaluateEvery, checkpointEvery }))
    if (!(Number.isInteger(value) && value >= 1))
      throw new PacelineError('argument', `${name} is ${value}, expected an integer of at least 1.`)
  if (guard !== undefined) validateGuard(guard, validation !== undefined)
  const schedule = createSchedule(options.schedule)
  const fallsFrom = decayStart(options.schedule)
  const identity = identityOf(options)

  const stored = await findStart({ ...options, identity, resume: options.resume ?? false })
  if (stored !== null) step.restore(stored.step)
  if (guard !== undefined && stored !== null && stored.trainer.updates > 0 && stored.trainer.baseline === undefined)
    throw new PacelineError(
      'argument',
      `${checkpoints.folder}: that run began without a guard, so that nobody knows ${guard.metric} before its training. ` +
        'Resume it without one.',
    )
  const stream = options.data(stored?.trainer.data)
  let state = stored?.trainer ?? beginning(stream.state)
  let saved = stored === null ? -1 : state.updates
  await reporter?.started?.(state.updates)
  await curve?.open(state.updates)

  const start = clock() - state.seconds
  const pace = new Pace(shareSpent(budget, state), clock())
  const points: CurvePoint[] = []
  const save = async () => {
    await curve?.append(points.splice(0))
    if (saved !== state.updates) {
      await checkpoints.save(identity, state, step.state())
      saved = state.updates
      await reporter?.saved?.(checkpoints.newest!)
    }
  }
  const ended = () => shareSpent(budget, state) >= 1
  /** True where there is to be an evaluation after the present update, and has been none. */
  const pending = () =>
    validation !== undefined &&
    state.updates > 0 &&
    state.evaluated?.update !== state.updates &&
    (state.updates % evaluateEvery === 0 || ended())
  /** True where the loss is the lowest so far. */
  const evaluateNow = async (): Promise<boolean> => {
    const means = await evaluate(step, validation!(), (share) => reporter?.evaluating?.(share), signal)
    if (means === null) return false
    requireFinite('the validation loss', means.loss, {
      update: state.updates,
      data: state.data,
      checkpoint: checkpoints.newest,
    })
    const evaluated = { update: state.updates, ...means }
    if (guard !== undefined && state.updates === 0) state = { ...state, baseline: evaluated }
    state = { ...state, seconds: clock() - start, evaluated }
    const improved = !spoilt() && (state.best === null || means.loss < state.best.loss)
    if (improved) state = { ...state, best: evaluated }
    return improved
  }
  const spoilt = () =>
    guard !== undefined &&
    state.baseline !== undefined &&
    state.evaluated !== null &&
    !holds(guard, state.baseline, state.evaluated)
  if (guard !== undefined && state.updates === 0 && state.baseline === undefined && (await evaluateNow())) {
    const { loss } = state.baseline!
    reporter?.remark?.(
      `before training: validation ${loss.toFixed(4)}, ${guard.metric} ${guarded(guard, state.baseline!).toFixed(4)}`,
    )
    saved = -1
    await save()
  }
  if (pending()) {
    // The run was ended within this evaluation.
    await evaluateNow()
    if (!pending()) {
      await curve?.evaluated(state.updates, state.evaluated!.loss)
      saved = -1
      await save()
    }
  }

  while (!ended() && !spoilt() && !signal?.aborted) {
    const began = clock()
    if (state.stable === null && fallsFrom !== null && shareSpent(budget, state) >= fallsFrom) {
      state = { ...state, stable: state.updates }
      await save()
    }
    const place: Place = { update: state.updates + 1, data: stream.state, checkpoint: checkpoints.newest }
    const { tokens, loss, ...metrics } = await accumulateBatches(step, stream, accumulate, place)
    const learningRate = schedule(state.updates, shareSpent(budget, state))
    const { gradientNorm } = await located(place, step.update({ learningRate }))
    requireFinite('the gradient norm', gradientNorm, place)
    const watch = watchLoss(state.watch, loss, divergence)
    requireConvergence(watch, divergence, place)
    pace.add(tokens, clock() - began)
    const spent = { updates: place.update, tokens: state.tokens + tokens, seconds: clock() - start }
    state = { ...state, ...spent, data: stream.state, watch }

    const last = ended()
    const improved = pending() ? await evaluateNow() : false
    const { updates: update, seconds } = state
    const validationLoss = state.evaluated?.update === update ? state.evaluated.loss : null
    const point = {
      update,
      tokens: state.tokens,
      seconds,
      learningRate,
      loss,
      gradientNorm,
      validationLoss,
      ...metrics,
    }
    points.push(point)
    if (improved || last || spoilt() || update % checkpointEvery === 0) await save()
    else if (points.length >= 20) await curve?.append(points.splice(0))
    const share = shareSpent(budget, state)
    reporter?.progress?.({
      ...point,
      ...(validationLoss !== null && state.evaluated?.metrics && { validationMetrics: state.evaluated.metrics }),
      share,
      smoothedLoss: watch.smoothed!,
      tokensPerSecond: pace.tokensPerSecond,
      secondsLeft: pace.secondsLeft(share, clock()),
      best: state.best,
    })
    await breath()
  }
  await save()
  const reason = spoilt() ? 'guarded' : ended() && !pending() ? 'finished' : 'interrupted'
  return { reason, state, checkpoint: checkpoints.newest! }
}

function beginning(data: unknown): TrainerState {
  return { updates: 0, tokens: 0, seconds: 0, data, watch: freshWatch, best: null, evaluated: null, stable: null }
}

/** The micro-batches of one update. */
async function accumulateBatches(
  step: TrainingStep,
  stream: StepStream,
  count: number,
  place: Place,
): Promise<Means & { tokens: number }> {
  const sums = new Sums()
  let tokens = 0
  // An update needs something to learn: by bad luck a small batch holds none.
  for (let batch = 0; batch < count || sums.weight === 0; batch++) {
    if (batch === count + 1000)
      throw new PacelineError(
        'argument',
        `no token of 1000 batches from data position ${JSON.stringify(place.data)} on has a weight above 0.`,
      )
    const { inputs, layout, tokens: inBatch } = await stream.next()
    const result = await located(place, step.accumulate(inputs, layout))
    sums.add(result)
    tokens += inBatch
    requireFinite('the loss', result.loss, place)
  }
  return { ...sums.means(), tokens }
}

function identityOf({ identity, schedule, budget, accumulate = 1 }: TrainOptions): RunIdentity {
  return { ...identity, ...schedule, accumulate, ...(dependsOnBudget(schedule.schedule) ? { budget } : {}) }
}
