import { beforeAll, expect, test } from 'vitest'
import { loadTargetModel, type TargetModel } from '../model/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { onnxExecutor, referenceExecutor } from '../runtime/index.ts'
import { prefill } from './decode.ts'
import type { Drafter, Prefilled } from './drafter.ts'
import { createSampler } from './sampling/index.ts'
import { chain } from './tree.ts'

const vocabSize = 64
const sampler = createSampler({}, vocabSize)
const prompt = [5, 9, 2, 33, 5, 9]

let model: TargetModel
beforeAll(async () => {
  const { spec, source } = tinyModel()
  model = await loadTargetModel(spec, source, { executor: referenceExecutor, dtype: 'f32' })
})

const plain: Drafter = { name: 'plain', start() {}, propose: (root) => ({ tree: chain(root) }), observe() {} }

test('puts all of the prompt but its last token into the cache, in pieces if it is long', async () => {
  const long = Array.from({ length: 700 }, (_, i) => (i * 7) % vocabSize)
  const { spec, source } = tinyModel({ contextLength: 1024, layerCount: 1, windows: [null] })
  const onnx = await loadTargetModel(spec, source, { executor: onnxExecutor({ threads: 1 }), dtype: 'f32' })
  const target = onnx.createTarget()
  let features = new Float32Array()
  const drafter: Drafter = {
    ...plain,
    wants: 'features',
    start(prefilled) {
      features = Float32Array.from(prefilled.states!)
    },
  }
  expect(await prefill(target, drafter, long, { sampler })).toBe(true)
  expect(target.length).toBe(699)
  const tokens = Int32Array.from(long.slice(0, -1))
  const once = await onnx.createTarget().forward({ tokens, parents: tokens.map((_, i) => i - 1) }, { features: true })
  expect(features.length).toBe(once.features!.length)
  expect(features.reduce((max, v, i) => Math.max(max, Math.abs(v - once.features![i])), 0)).toBeLessThan(1e-4)
  await onnx.dispose()
})

test('of a single token reads nothing', async () => {
  const target = model.createTarget()
  const started: Prefilled[] = []
  const drafter: Drafter = { ...plain, wants: 'features', start: (prefilled) => void started.push(prefilled) }
  expect(await prefill(target, drafter, [3], { sampler, eosTokenIds: [7] })).toBe(true)
  expect(target.length).toBe(0)
  const ends = new Set([7])
  expect(started).toEqual([{ tokens: [3], states: new Float32Array(), sampler, rule: 'target-draw', ends }])
})

test('ends early when the stop sign is up, without a word to the drafter', async () => {
  const drafter: Drafter = {
    ...plain,
    start() {
      throw new Error('started')
    },
  }
  expect(await prefill(model.createTarget(), drafter, prompt, { sampler, stopSign: { aborted: true } })).toBe(false)
})

test('refuses an empty prompt, and one that leaves no room', async () => {
  await expect(prefill(model.createTarget(), plain, [], { sampler })).rejects.toMatchObject({ code: 'argument' })
  await expect(prefill(model.createTarget(6), plain, prompt, { sampler })).rejects.toMatchObject({
    code: 'context',
    message: 'the prompt has 6 tokens, the context of the model is 6: shorten the prompt',
  })
  await expect(prefill(model.createTarget(7), plain, prompt, { sampler })).resolves.toBe(true)
})
