import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PacelineError } from '../../errors.ts'
import type { TrainingStep } from '../step.ts'
import { Checkpoints } from './checkpoints.ts'
import { Curve } from './curve.ts'
import type { Progress } from './progress.ts'
import { scratchFolder } from './scratch.ts'
import { disk, type Storage } from './storage.ts'
import { toyStep, toyStream } from './toy.ts'
import { type TrainOptions, train } from './trainer.ts'

let folder = ''
beforeEach(async () => {
  folder = await scratchFolder()
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const at = (...names: string[]) => join(folder, ...names)
const remarks: string[] = []

function options(name: string, more: Partial<TrainOptions> = {}, storage?: Storage): TrainOptions {
  remarks.length = 0
  return {
    step: toyStep(5),
    data: (state) => toyStream(state),
    validation: () => [toyStream({ batch: 0, random: 99 }).next()],
    schedule: { schedule: 'cosine', learningRate: 0.3, warmup: 5 },
    budget: { updates: 60 },
    evaluateEvery: 10,
    checkpointEvery: 8,
    checkpoints: new Checkpoints(at(name), storage ? { storage } : {}),
    curve: new Curve(at(`${name}.csv`)),
    identity: { width: 5, data: 'points' },
    reporter: { remark: (text) => remarks.push(text) },
    ...more,
  }
}

/** A signal that ends a run after an update. */
function endAfter(update: number): Pick<TrainOptions, 'signal' | 'reporter'> {
  const controller = new AbortController()
  const reporter = {
    progress: (progress: Progress) => {
      if (progress.update === update) controller.abort()
    },
    remark: (text: string) => remarks.push(text),
  }
  return { signal: controller.signal, reporter }
}

const bits = (step: TrainingStep) =>
  Array.from(step.state(), ([name, { data }]) => [name, Array.from(data as Float32Array)])

test('a run learns, evaluates, keeps its best and newest checkpoints and a point per update', async () => {
  const all: Progress[] = []
  const run = options('a', { reporter: { progress: (progress) => all.push(progress) }, accumulate: 2 })
  const { reason, state } = await train(run)
  expect({ reason, updates: state.updates, tokens: state.tokens }).toEqual({
    reason: 'finished',
    updates: 60,
    tokens: 480,
  })
  expect(state.data).toMatchObject({ batch: 120 })
  expect(all[59].loss).toBeLessThan(all[0].loss / 100)
  expect(all.filter(({ validationLoss }) => validationLoss !== null).map(({ update }) => update)).toEqual([
    10, 20, 30, 40, 50, 60,
  ])
  expect(await run.checkpoints.updates()).toContain(state.best!.update)
  expect((await run.checkpoints.updates()).length).toBeLessThanOrEqual(3)
  expect((await run.curve!.read()).map(({ update }) => update)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
  expect(all[30].secondsLeft).toBeGreaterThan(0)
})

test('an update of two micro-batches equals one of both together', async () => {
  const [two, one] = [options('two', { accumulate: 2 }), options('one')]
  await train(two)
  const pair = (state?: unknown) => {
    const stream = toyStream(state)
    return {
      next: () => {
        const [a, b] = [stream.next(), stream.next()]
        const join = (name: string) => {
          const data = Float32Array.from([
            ...(a.inputs[name].data as Float32Array),
            ...(b.inputs[name].data as Float32Array),
          ])
          return { dtype: 'f32', shape: [8], data } as const
        }
        return { ...a, inputs: { x: join('x'), y: join('y') }, tokens: 8 }
      },
      get state() {
        return stream.state
      },
    }
  }
  await train({ ...one, data: pair })
  expect(bits(two.step)).toEqual(bits(one.step))
})

describe('a run that is interrupted and resumed', () => {
  test.for([1, 8, 10, 33, 59])('after update %i ends with the same bits and the same curve', async (update) => {
    const whole = options('whole')
    await train(whole)
    const ended = await train(options('parts', endAfter(update)))
    expect(ended).toMatchObject({ reason: 'interrupted', state: { updates: update } })
    const rest = options('parts', { resume: true })
    const { state } = await train(rest)
    expect(bits(rest.step)).toEqual(bits(whole.step))
    expect(state).toMatchObject({ updates: 60, best: expect.anything() })
    const curve = async ({ curve }: TrainOptions) => (await curve!.read()).map(({ seconds: _, ...point }) => point)
    expect(await curve(rest)).toEqual(await curve(whole))
  })

  test.for([20, 60])('within the evaluation after update %i catches up on it, to the same end', async (update) => {
    const validation = () => Array.from({ length: 4 }, (_, i) => toyStream({ batch: 0, random: 99 + i }).next())
    const whole = options('whole', { validation })
    const expected = await train(whole)
    const controller = new AbortController()
    let updates = 0
    const reporter = {
      progress: () => updates++,
      evaluating: (share: number) => {
        if (updates === update - 1 && share > 0) controller.abort()
      },
    }
    const ended = await train(options('parts', { validation, reporter, signal: controller.signal }))
    expect(ended).toMatchObject({ reason: 'interrupted', state: { updates: update } })
    expect(ended.state.evaluated).toMatchObject({ update: update - 10 })
    const rest = options('parts', { validation, resume: true })
    const { reason, state } = await train(rest)
    expect({ reason, state: { ...state, seconds: 0 } }).toEqual({
      reason: 'finished',
      state: { ...expected.state, seconds: 0 },
    })
    expect(bits(rest.step)).toEqual(bits(whole.step))
    const curve = async ({ curve }: TrainOptions) => (await curve!.read()).map(({ seconds: _, ...point }) => point)
    expect(await curve(rest)).toEqual(await curve(whole))
    expect((await rest.checkpoints.load(() => {}))!.trainer).toEqual(state)
  })

  test('passes over a damaged newest checkpoint, naming the file, and still ends with the same bits', async () => {
    const whole = options('whole')
    await train(whole)
    for (const damage of [
      (newest: string) => truncate(join(newest, 'state.safetensors'), 100),
      (newest: string) => rm(join(newest, 'state.safetensors')),
      (newest: string) => rm(join(newest, 'trainer.json')),
      (newest: string) => truncate(join(newest, 'trainer.json'), 50),
      async (newest: string) => {
        const bytes = await readFile(join(newest, 'state.safetensors'))
        bytes[bytes.length - 1] ^= 1
        await writeFile(join(newest, 'state.safetensors'), bytes)
      },
    ]) {
      await rm(at('parts'), { recursive: true, force: true })
      await rm(at('parts.csv'), { force: true })
      const { checkpoint } = await train(options('parts', endAfter(30)))
      await damage(checkpoint)
      const rest = options('parts', { resume: true })
      await train(rest)
      expect(remarks).toEqual([
        expect.stringMatching(/^update-00000030.(state\.safetensors|trainer\.json): .+update-000000\d\d\.$/),
      ])
      expect(bits(rest.step)).toEqual(bits(whole.step))
    }
  })

  test('says so when every checkpoint is damaged', async () => {
    await train(options('a'))
    for (const name of await readdir(at('a'))) await truncate(at('a', name, 'state.safetensors'), 9)
    await expect(train(options('a', { resume: true }))).rejects.toThrow('no checkpoint is whole')
  })

  test('never takes up what a killed process left half written', async () => {
    await train(options('a', endAfter(20)))
    await rm(at('a', '.unfinished-update-00000021'), { recursive: true, force: true })
    const { mkdir } = await import('node:fs/promises')
    await mkdir(at('a', '.unfinished-update-00000021'))
    await writeFile(at('a', '.unfinished-update-00000021', 'trainer.json'), '{}')
    const { state } = await train(options('a', { resume: true }))
    expect({ updates: state.updates, remarks }).toEqual({ updates: 60, remarks: [] })
    expect((await readdir(at('a'))).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test.for<[what: string, changed: Partial<TrainOptions>, message: string]>([
    ['shape', { identity: { width: 6, data: 'points' } }, 'width is 5 in the checkpoint and 6 in this run'],
    ['data', { identity: { width: 5, data: 'other' } }, 'data is "points" in the checkpoint and "other" in this run'],
    ['batch', { accumulate: 3 }, 'accumulate is 1 in the checkpoint and 3'],
    ['schedule', { schedule: { schedule: 'linear', learningRate: 0.3, warmup: 5 } }, 'schedule is "cosine"'],
    ['length of a cosine', { budget: { updates: 70 } }, 'budget.updates is 60 in the checkpoint and 70'],
  ])('is refused another %s', async ([, changed, message]) => {
    await train(options('a', endAfter(9)))
    await expect(train(options('a', { ...changed, resume: true }))).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringContaining(message),
    })
  })

  test.for([
    40, 48, 55, 60,
  ])('after update %i may be given a larger budget, as if it had had it from the beginning', async (update) => {
    const schedule = { schedule: 'warmup-stable-decay', learningRate: 0.3, warmup: 5 } as const
    const whole = options('whole', { schedule, budget: { updates: 90 } })
    await train(whole)
    // From update 48 on, the rate of the shorter run falls.
    await train(options('parts', { schedule, ...endAfter(update) }))
    const rest = options('parts', { schedule, budget: { updates: 90 }, resume: true })
    await train(rest)
    expect(bits(rest.step)).toEqual(bits(whole.step))
    expect(remarks).toEqual(update > 48 ? [expect.stringContaining('from update 48')] : [])
  })
})

test('a budget of minutes ends the run when they are over, and the rate falls with them', async () => {
  let seconds = 0
  const rates: number[] = []
  const reporter = { progress: ({ learningRate }: Progress) => rates.push(learningRate) }
  const schedule = { schedule: 'linear', learningRate: 1e-3, warmup: 0 } as const
  // Asked twice an update at least, so that an update takes a second or more.
  const clock = () => (seconds += 0.5)
  const { reason, state } = await train(options('a', { budget: { minutes: 1 }, schedule, clock, reporter }))
  expect(reason).toBe('finished')
  expect(state.seconds).toBeGreaterThanOrEqual(60)
  expect(state.updates).toBeLessThan(60)
  expect(rates[0]).toBeGreaterThan(0.95e-3)
  expect(rates[rates.length - 1]).toBeLessThan(0.1e-3)
  expect(rates).toEqual(rates.toSorted((a, b) => b - a))
})

test('a folder with checkpoints is not trained into by mistake', async () => {
  await train(options('a'))
  await expect(train(options('a'))).rejects.toThrow('there are checkpoints already')
})

describe('a run goes wrong', () => {
  test.for([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e300,
  ])('%d in the data: it stops, naming update, place and checkpoint', async (y) => {
    const run = options('a', { data: (state) => toyStream(state, { 20: y }) })
    const error = await train(run).then(
      () => expect.unreachable(),
      (error: PacelineError) => error,
    )
    expect(error).toMatchObject({ code: 'runtime' })
    expect(error.message).toMatch(
      /update 21 is (NaN|Infinity) \(data position \{"batch":20,.+update-00000020\. .+lower learning rate/,
    )
    expect(await run.checkpoints.updates()).toContain(20)
  })

  test('what the step itself throws is told with its place', async () => {
    const toy = toyStep(1)
    const update = async () => {
      throw new PacelineError('runtime', 'the gradient of x is not finite.')
    }
    const run = train(options('a', { step: { ...toy, update } }))
    await expect(run).rejects.toThrow(/^update 1: the gradient of x is not finite\. \(data position \{"batch":0,/)
  })

  test('a loss that stays far above its best stops it', async () => {
    const schedule = { schedule: 'constant', learningRate: 0.3, warmup: 0 } as const
    const spoil = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [40 + i, i * 5]))
    const data = (state: unknown) => toyStream(state, spoil)
    const divergence = { factor: 1.5, patience: 10 }
    const run = train(options('a', { data, schedule, divergence, budget: { updates: 140 } }))
    await expect(run).rejects.toThrow(/the loss diverges: at update \d+ its mean is .+ 10 updates/)
  })

  test('a full disk leaves the checkpoint before it intact, and says how much room is needed', async () => {
    let writes = 0
    const full: Storage = {
      ...disk,
      async writeTensors(path, tensors) {
        if (++writes < 3) return disk.writeTensors(path, tensors)
        await writeFile(path, 'half')
        const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
        throw new PacelineError('file', 'state.safetensors: no space', { cause })
      },
    }
    const error = await train(options('a', {}, full)).then(
      () => expect.unreachable(),
      (error: PacelineError) => error,
    )
    expect(error).toMatchObject({ code: 'file' })
    expect(error.message).toMatch(
      /update-00000016: .+the disk is full; a checkpoint takes 1 MB.+update-00000010, is intact/,
    )
    expect(await readdir(at('a'))).toEqual(['update-00000008', 'update-00000010'])
    const whole = options('whole')
    const rest = options('a', { resume: true })
    await train(whole)
    await train(rest)
    expect(bits(rest.step)).toEqual(bits(whole.step))
  })

  test('data that has nothing to learn is refused', async () => {
    const step = { ...toyStep(1), accumulate: async () => ({ loss: 0, weight: 0, metrics: {} }) }
    await expect(train(options('a', { step }))).rejects.toThrow('no token of 1000 batches')
  })
})

describe('a guard', () => {
  /** Its metric is the update that it was asked after, so that it rises by one with each. */
  const counting = (from: number): TrainingStep => {
    const step = toyStep(5)
    let updates = from
    return {
      ...step,
      update: (given) => {
        updates++
        return step.update(given)
      },
      evaluate: async (...given) => {
        const result = await step.evaluate(...given)
        return { ...result, metrics: { damage: (100 + updates) * result.weight } }
      },
      restore(state) {
        step.restore(state)
        updates = from + Number(state.get('updates')!.data[0])
      },
    }
  }
  const guarded = (name: string, share: number, more: Partial<TrainOptions> = {}) =>
    options(name, { step: counting(0), guard: { metric: 'damage', share }, ...more })

  test('ends a run after the evaluation that it does not like, and keeps the best before', async () => {
    const run = guarded('a', 0.25)
    const { reason, state } = await train(run)
    expect(reason).toBe('guarded')
    expect(state).toMatchObject({
      updates: 30,
      baseline: { update: 0, metrics: { damage: 100 } },
      best: { update: 20 },
    })
    expect(remarks).toEqual([expect.stringMatching(/^before training: validation .+, damage 100\.0000$/)])
    expect(await run.checkpoints.updates()).toEqual([20, 24, 30])
    const again = await train(guarded('a', 0.25, { resume: true }))
    expect(again).toMatchObject({ reason: 'guarded', state: { updates: 30 } })
    expect(await train(guarded('a', 0.5, { resume: true }))).toMatchObject({
      reason: 'guarded',
      state: { updates: 60 },
    })
  })

  test('keeps what was there before where nothing else was good enough', async () => {
    const run = guarded('a', 0)
    const { state } = await train(run)
    expect(state).toMatchObject({ updates: 10, best: { update: 0 } })
    expect(await run.checkpoints.updates()).toContain(0)
  })

  test('changes no update, also of a run that is resumed', async () => {
    const plain = options('plain')
    await train(plain)
    const run = guarded('a', 1)
    await train({ ...run, ...endAfter(13) })
    const rest = guarded('a', 1, { resume: true })
    expect(await train(rest)).toMatchObject({ reason: 'finished', state: { baseline: { metrics: { damage: 100 } } } })
    expect(bits(rest.step)).toEqual(bits(plain.step))
  })

  test('needs validation data, its metric, and to be there from the beginning', async () => {
    const { validation: _, ...without } = guarded('none', 1)
    await expect(train(without)).rejects.toThrow('no validation data for the guard')
    await expect(train(options('other', { guard: { metric: 'ar', share: 1 } }))).rejects.toThrow('it has none')
    await expect(train(guarded('share', -1))).rejects.toThrow("the guard's share is -1")
    await train({ ...options('late'), ...endAfter(5) })
    await expect(train(guarded('late', 1, { resume: true }))).rejects.toThrow('began without a guard')
  })
})
