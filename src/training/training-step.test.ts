import { expect, test } from 'vitest'
import { tinyModel, tinyVariants } from '../model/tiny.ts'
import { onnxExecutor, referenceExecutor } from '../runtime/index.ts'
import { memorySource, type Tensor, tensor } from '../tensor/index.ts'
import { freshTensors } from './initialise.ts'
import { languageModelObjective } from './objectives/language-model.ts'
import { tinyBatch } from './tiny.ts'
import { createTrainingStep, trainingGraph } from './training-step.ts'

const onnx = onnxExecutor({ threads: 2, training: true })

/** Loss and gradients of one batch. */
async function gradientsBy(executor: typeof onnx, model: ReturnType<typeof tinyModel>, length: number) {
  const { graph, parameters } = trainingGraph(languageModelObjective(model.spec))
  const { inputs, layout } = tinyBatch(model.spec.vocabSize, 3, length)
  const given: Record<string, Tensor> = {}
  for (const { name, sources, shape } of parameters) {
    const data = sources.flatMap((source) => [...model.tensors[source].data])
    given[name] = tensor('f32', shape, Float32Array.from(data))
  }
  const executable = await executor.compile(graph, model.source)
  const results = await executable.run({ ...inputs, ...given }, { rows: { parents: layout.parents, block: length } })
  await executable.dispose()
  return results
}

test.each(
  Object.entries(tinyVariants),
)('loss and gradients under ONNX Runtime equal the interpreter: %s', async (_, fields) => {
  const model = tinyModel(fields)
  const expected = await gradientsBy(referenceExecutor, model, 8)
  const actual = await gradientsBy(onnx, model, 8)
  expect(Object.keys(actual)).toEqual(Object.keys(expected))
  for (const [name, { shape, data }] of Object.entries(expected)) {
    expect(actual[name].shape).toEqual(shape)
    const size = (data as Float32Array).reduce((largest, v) => Math.max(largest, Math.abs(v)), 0)
    expect(size, name).toBeGreaterThan(0)
    data.forEach((value, i) => {
      expect(Math.abs(Number(actual[name].data[i]) - Number(value)), `${name}[${i}]`).toBeLessThan(1e-4 * size)
    })
  }
})

async function freshStep(options = {}, seed = 1) {
  const { spec } = tinyModel()
  const source = memorySource(freshTensors(spec, seed))
  return { spec, step: await createTrainingStep(languageModelObjective(spec), source, { threads: 2, ...options }) }
}

test('a fresh model starts at the loss of a guess, and learns one batch by heart', async () => {
  const { spec, step } = await freshStep({ weightDecay: 0 })
  const { inputs, layout } = tinyBatch(spec.vocabSize, 4, 16)
  const first = await step.evaluate(inputs, layout)
  expect(first.loss / first.weight).toBeCloseTo(Math.log(spec.vocabSize), 1)
  let last = Number.POSITIVE_INFINITY
  for (let i = 0; i < 150; i++) {
    const { loss, weight } = await step.accumulate(inputs, layout)
    last = loss / weight
    await step.update({ learningRate: 0.01 })
  }
  expect(last).toBeLessThan(0.05)
  await step.dispose()
})

test('gradients of micro-batches add up to those of the batch', async () => {
  const whole = await freshStep()
  const parts = await freshStep()
  const all = tinyBatch(whole.spec.vocabSize, 4, 8)
  const part = (from: number) => ({
    inputs: Object.fromEntries(
      Object.entries(all.inputs).map(([name, { dtype, data }]) => [
        name,
        { dtype, shape: [16], data: data.slice(from, from + 16) } as Tensor,
      ]),
    ),
    layout: {
      sequences: 2,
      length: 8,
      parents: all.layout.parents.slice(from, from + 16).map((p) => (p < 0 ? -1 : p - from)),
    },
  })
  const { loss } = await whole.step.accumulate(all.inputs, all.layout)
  let sum = 0
  for (const { inputs, layout } of [part(0), part(16)]) sum += (await parts.step.accumulate(inputs, layout)).loss
  expect(sum).toBeCloseTo(loss, 3)
  const expected = await whole.step.update({ learningRate: 1e-3 })
  const actual = await parts.step.update({ learningRate: 1e-3 })
  expect(actual.gradientNorm).toBeCloseTo(expected.gradientNorm, 5)
  await whole.step.dispose()
  await parts.step.dispose()
})

test('a restored step goes on with the same bits', async () => {
  const a = await freshStep()
  const b = await freshStep({}, 2)
  const { inputs, layout } = tinyBatch(a.spec.vocabSize, 2, 8)
  const train = async ({ step }: typeof a) => {
    await step.accumulate(inputs, layout)
    await step.update({ learningRate: 1e-2 })
  }
  await train(a)
  const saved = a.step.state()
  await train(a)
  // What was saved is a copy: training on does not change it.
  b.step.restore(saved)
  await train(b)
  expect(b.step.state()).toEqual(a.step.state())
  saved.delete('updates')
  expect(() => b.step.restore(saved)).toThrow(/"updates" is missing/)
  await a.step.dispose()
  await b.step.dispose()
})

test('a loss or gradient that is not finite is reported, and changes nothing', async () => {
  const { spec, step } = await freshStep()
  const { inputs, layout } = tinyBatch(spec.vocabSize, 2, 8)
  const before = step.state()
  const poisoned = { ...inputs, weights: tensor('f32', [16], new Float32Array(16).fill(Number.NaN)) }
  await expect(step.accumulate(poisoned, layout)).rejects.toThrow(/loss of this batch is NaN/)
  await expect(step.update({ learningRate: 1 })).rejects.toThrow(/no row with a weight/)
  expect(step.state()).toEqual(before)
  await step.dispose()
})
