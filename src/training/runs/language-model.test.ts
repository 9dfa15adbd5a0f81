import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectedTensors, parseConfig, shapeSpec, writeModel, writeRandomCheckpoint } from '../../checkpoint/index.ts'
import { packDataset } from '../data/index.ts'
import { parametersOf } from '../parameters.ts'
import { type LanguageModelOptions, languageModelTensors, openLanguageModel } from './language-model.ts'
import type { RunRecord } from './record.ts'
import type { TrainingTask } from './task.ts'
import { writeTuned } from './tuned.ts'

let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-lm-'))
  const rows = Array.from({ length: 200 }, (_, i) => ({
    prompt: `What is ${i} and ${i % 7}?`,
    response: `It is ${i + (i % 7)}.`,
  }))
  await writeFile(at('data.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  await packDataset({ files: [at('data.jsonl')], folder: at('packed'), vocabulary: 300, validation: 0.1 })
  await writeRandomCheckpoint(at('other'), 'llama-tiny', 1)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const options = () => ({
  data: at('packed'),
  shape: {
    hiddenSize: 32,
    intermediateSize: 48,
    layerCount: 2,
    headCount: 2,
    kvHeadCount: 1,
    contextLength: 64,
    tiedEmbeddings: true,
  },
  sequences: 2,
  length: 32,
  taskMix: 1,
  seed: 1,
  optimiser: { decay: 0.1, betas: [0.9, 0.95] as const, clip: 1 },
})
const opened: TrainingTask[] = []
afterAll(() => Promise.all(opened.map((task) => task.dispose())))
async function allOf<T>(values: Iterable<T> | AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

async function open(more: Partial<LanguageModelOptions> = {}): Promise<TrainingTask> {
  const { shape, ...rest } = options()
  opened.push(await openLanguageModel({ ...rest, ...(more.init === undefined && { shape }), ...more }))
  return opened[opened.length - 1]
}

test('a new model has the vocabulary and the special tokens of its dataset', async () => {
  const { model, identity, about } = await open()
  const spec = parseConfig(model)
  const tokenizer = JSON.parse(await readFile(join(at('packed'), 'tokenizer.json'), 'utf8'))
  expect(spec).toMatchObject({ hiddenSize: 32, headDim: 16, tiedEmbeddings: true, contextLength: 64 })
  expect(spec.vocabSize).toBeGreaterThanOrEqual(Object.keys(tokenizer.model.vocab).length)
  const end = tokenizer.added_tokens.find(({ content }: { content: string }) => content === '<|end|>')
  expect(spec.eosTokenIds).toEqual([end.id])
  expect(identity.dataset).toBe(about.fingerprint)
  expect(about.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/)
})

test('its stream gives next tokens, and goes on where its state says', async () => {
  const { data, validation } = await open()
  const stream = data()
  const { inputs, layout, tokens } = await stream.next()
  expect(tokens).toBe(64)
  const [ids, targets, weights] = ['tokens', 'targets', 'weights'].map((name) => inputs[name].data as Float32Array)
  let followed = 0
  for (let row = 0; row + 1 < tokens; row++)
    if (layout.parents[row + 1] === row) {
      followed++
      expect(targets[row]).toBe(ids[row + 1])
    }
  expect(followed).toBeGreaterThan(40)
  expect(weights.reduce((a, b) => a + b)).toBeGreaterThan(0)
  for (let i = 0; i < 20; i++) await stream.next()
  const state = JSON.parse(JSON.stringify(stream.state))
  expect((await data(state).next()).inputs).toEqual((await stream.next()).inputs)
  expect(await allOf(validation!())).toEqual(await allOf(validation!()))
})

test('what does not fit is refused by name', async () => {
  const { shape } = options()
  await expect(open({ length: 65 })).rejects.toThrow('65 tokens long, the model is made for 64')
  await expect(open({ shape: { ...shape, headCount: 3 } })).rejects.toThrow('the width is 32')
  await expect(open({ init: at('other') })).rejects.toThrow('packed with the tokenizer')
  await expect(open({ teacher: { folder: at('other'), share: 0.5 } })).rejects.toThrow('the teacher has the tokenizer')
  await expect(open({ data: at('nowhere') })).rejects.toMatchObject({ code: 'file' })
})

test('an adapter begins with the model as it is, and with its base alone it goes on', async () => {
  const whole = await open()
  const spec = parseConfig(whole.model)
  const init = at('base')
  const tensors = languageModelTensors(whole.step.state(), spec)
  await writeModel(init, { spec, tensors, dtype: 'f32', tokenizer: at('packed'), provenance: {} })
  const adapter = await open({ init, lowRank: { rank: 4 } })
  expect(adapter.identity).toMatchObject({ model: whole.identity.model, adapter: { rank: 4, alpha: 4 } })
  expect(adapter.model).toMatchObject({ adapter: { base_model_name_or_path: init, r: 4, lora_alpha: 4 } })
  const [{ inputs, layout }] = await allOf(adapter.validation!())
  const [mine, its] = [await adapter.step.evaluate(inputs, layout), await whole.step.evaluate(inputs, layout)]
  expect(mine.loss / its.loss).toBeCloseTo(1, 5)
  const count = ({ step }: TrainingTask) =>
    [...step.parameters.values()].reduce((sum, { data }) => sum + data.length, 0)
  expect(count(adapter)).toBeLessThan(count(whole) / 2)

  const [name, first] = [...tensors][0]
  first.data[0] = 1
  await writeModel(init, {
    spec,
    tensors: tensors.set(name, first),
    dtype: 'f32',
    tokenizer: at('packed'),
    provenance: {},
  })
  const other = await open({ init, lowRank: { rank: 4 } })
  expect((other.identity.adapter as { base: string }).base).not.toBe(
    (adapter.identity.adapter as { base: string }).base,
  )
  await expect(open({ lowRank: { rank: 4 } })).rejects.toThrow('of a model that is there')
  await expect(open({ init, lowRank: { rank: 0 } })).rejects.toThrow('from 1 to 32')
  await expect(open({ init, lowRank: { rank: 4, alpha: 0 } })).rejects.toThrow('alpha of the adapter is 0')
})

test('an adapter that was trained goes on as it is, beside its base', async () => {
  const whole = await open()
  const spec = parseConfig(whole.model)
  const base = at('base of another')
  const tensors = languageModelTensors(whole.step.state(), spec)
  await writeModel(base, { spec, tensors, dtype: 'f32', tokenizer: at('packed'), provenance: {} })
  const begun = await open({ init: base, lowRank: { rank: 4, alpha: 8 } })
  const { inputs, layout } = await begun.data().next()
  for (const learningRate of [0.1, 0.1]) {
    await begun.step.accumulate(inputs, layout)
    await begun.step.update({ learningRate })
  }
  const content = { record: { model: begun.model } as unknown as RunRecord, state: begun.step.state() }
  const init = at('adapter')
  await writeTuned(
    init,
    { ...content, provenance: {} },
    { dtype: 'f32', tokenizer: at('packed'), recordFile: 'run.json' },
  )

  const on = await open({ init, lowRank: { rank: 4 } })
  expect(parametersOf(on.step.state())).toEqual(parametersOf(begun.step.state()))
  expect(on.model).toEqual(begun.model)
  expect(on.identity.adapter).toEqual(begun.identity.adapter)
  const [mine, its] = [await on.step.evaluate(inputs, layout), await begun.step.evaluate(inputs, layout)]
  expect(mine).toEqual(its)
  const merged = await open({ init })
  expect((await merged.step.evaluate(inputs, layout)).loss / its.loss).toBeCloseTo(1, 5)
  await expect(open({ init, lowRank: { rank: 8 } })).rejects.toThrow('rank 4 and alpha 8 and goes on as such')
})

test('its state holds the tensors of the checkpoint that it began with', async () => {
  const first = await open()
  const spec = parseConfig(first.model)
  const tensors = languageModelTensors(first.step.state(), spec)
  expect([...tensors.keys()].sort()).toEqual(
    expectedTensors(spec)
      .map(({ name }) => name)
      .sort(),
  )
  const init = at('init')
  await writeModel(init, { spec, tensors, dtype: 'f32', tokenizer: at('packed'), provenance: {} })
  const second = await open({ init, seed: 2 })
  expect(second.model).toEqual(first.model)
  expect(languageModelTensors(second.step.state(), spec)).toEqual(tensors)
  expect(() => languageModelTensors(first.step.state(), shapeSpec('llama-tiny'))).toThrow()
})
