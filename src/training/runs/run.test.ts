import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Checkpoint,
  openCheckpoint,
  parseConfig,
  writeModel,
  writeRandomCheckpoint,
} from '../../checkpoint/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { scratchFolder } from '../trainer/scratch.ts'
import { toyStep, toyStream } from '../trainer/toy.ts'
import { exportRun } from './export.ts'
import { readRecord, runFolder } from './record.ts'
import { runTraining } from './run.ts'
import type { TrainingTask } from './task.ts'

let folder = ''
let original: Checkpoint
const weights = new Map<string, Tensor>()
beforeAll(async () => {
  folder = await scratchFolder()
  await writeRandomCheckpoint(join(folder, 'original'), 'llama-tiny', 1)
  original = await openCheckpoint(join(folder, 'original'))
  for (const name of original.source.infos.keys()) weights.set(name, await original.source.read(name))
})
afterAll(async () => {
  await original.close()
  await rm(folder, { recursive: true, force: true })
})

/** A model whose final gain is the toy's parameter, in a run that gets worse from update 30 on. */
async function task(): Promise<TrainingTask> {
  const step = toyStep(original.spec.hiddenSize)
  const spoil = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [30 + i, -9]))
  return {
    method: 'toy',
    step: { ...step, state: () => new Map([...weights, ...step.state()]) },
    data: (state) => toyStream(state, spoil),
    validation: () => [toyStream({ batch: 0, random: 99 }).next()],
    identity: { width: original.spec.hiddenSize },
    model: JSON.parse(await readFile(join(original.folder, 'config.json'), 'utf8')),
    about: { fingerprint: 'points' },
    tokenizer: original.folder,
    dispose: async () => {},
  }
}

const tensorsOf = (state: ReadonlyMap<string, Tensor>) =>
  new Map([...state].filter(([name]) => weights.has(name))).set('model.norm.weight', state.get('line')!)

const options = async () => ({
  task: await task(),
  schedule: { schedule: 'constant', learningRate: 0.3, warmup: 0 } as const,
  budget: { updates: 60 },
  accumulate: 1,
  evaluateEvery: 10,
  checkpointEvery: 10,
  resume: false,
  command: 'paceline train toy',
  options: { updates: 60 },
})

test('a run leaves its record, curve and chart, and its best model, not only its last', async () => {
  const run = runFolder(join(folder, 'run'))
  const { state } = await runTraining(run, await options())
  expect((await readdir(run.folder)).sort()).toEqual(['checkpoints', 'curve.csv', 'curve.svg', 'run.json', 'tokenizer'])
  expect(await readRecord(run)).toMatchObject({
    method: 'toy',
    options: { updates: 60 },
    data: { fingerprint: 'points' },
  })
  expect(await readFile(run.chart, 'utf8')).toContain('toy: loss')

  expect(state.best!.update).toBeLessThan(60)
  const gains: number[] = []
  for (const which of ['best', 'last'] as const) {
    const out = join(folder, which)
    const exported = await exportRun(run, { which }, ({ record, state, provenance }) => {
      const spec = parseConfig(record.model)
      const [tensors, tokenizer] = [tensorsOf(state), run.tokenizer]
      return writeModel(out, { spec, tensors, dtype: 'f16', tokenizer, provenance })
    })
    expect(exported.update).toBe(which === 'best' ? state.best!.update : 60)
    const model = await openCheckpoint(out)
    expect(model.spec).toEqual(original.spec)
    gains.push(Number((await model.source.read('model.norm.weight')).data[0]))
    await model.close()
    expect(JSON.parse(await readFile(join(out, 'paceline.json'), 'utf8'))).toMatchObject({
      method: 'toy',
      command: 'paceline train toy',
      data: { fingerprint: 'points' },
      metrics: { update: exported.update, validationLoss: exported.validationLoss },
    })
  }
  expect(gains[0]).not.toBe(gains[1])
})

test('a folder that is no run, or has a record that is damaged, is said to be so', async () => {
  await expect(readRecord(runFolder(join(folder, 'nowhere')))).rejects.toThrow('there is no run.json')
  const run = runFolder(join(folder, 'damaged'))
  const { task, ...rest } = await options()
  await runTraining(run, { task, ...rest, budget: { updates: 1 } })
  await writeFile(run.record, '{"format": 2}')
  await expect(readRecord(run)).rejects.toThrow('format is 2, expected 1')
  await truncate(run.record, 5)
  await expect(readRecord(run)).rejects.toMatchObject({ code: 'format' })
})
