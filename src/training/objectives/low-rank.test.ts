import { describe, expect, test } from 'vitest'
import { type AdapterSpec, adapterPrefix, adapterTensors, wholeAdapter } from '../../checkpoint/index.ts'
import { noise } from '../../graph/noise.ts'
import { tinyModel } from '../../model/tiny.ts'
import { type Executor, onnxExecutor, referenceExecutor } from '../../runtime/index.ts'
import { elementCount, memorySource, type Tensor, tensor } from '../../tensor/index.ts'
import type { Objective } from '../objective.ts'
import { splitParameters } from '../parameters.ts'
import { sideBySide } from '../sources.ts'
import { tinyBatch } from '../tiny.ts'
import { createTrainingStep, trainingGraph } from '../training-step.ts'
import { distillationObjective, teacherPrefix } from './distillation.ts'
import { languageModelObjective } from './language-model.ts'
import { lowRankObjective } from './low-rank.ts'

const { spec, tensors, source } = tinyModel({ tiedEmbeddings: true })
const adapter: AdapterSpec = wholeAdapter(spec, { rank: 3, alpha: 6 })
const objective = lowRankObjective(languageModelObjective(spec), spec, adapter)
const { inputs, layout } = tinyBatch(spec.vocabSize, 2, 8)

/** A and B of noise; B of zeros where asked for. */
function adapterOf(up: number): Record<string, Tensor<'f32'>> {
  return Object.fromEntries(
    adapterTensors(spec, adapter).map(({ name, dimensions }, i) => {
      const shape = dimensions.map(({ size }) => size)
      const by = name.includes('lora_B') ? up : 0.2
      return [name, tensor('f32', shape, noise(elementCount(shape), i + 1).map((value) => by * value) as Float32Array)]
    }),
  )
}

const withAdapter = (adapted: Record<string, Tensor>) =>
  sideBySide(
    source,
    memorySource(
      Object.fromEntries(Object.entries(adapted).map(([name, at]) => [name.slice(adapterPrefix.length), at])),
    ),
    adapterPrefix,
  )

/** All that the training graph of an objective yields, by tensor, with the weights of `of`. */
async function run(objective: Objective, of: Readonly<Record<string, Tensor>>, executor: Executor = referenceExecutor) {
  const { graph, parameters } = trainingGraph(objective)
  const given: Record<string, Tensor> = {}
  for (const { name, sources, shape } of parameters)
    given[name] = tensor('f32', shape, Float32Array.from(sources.flatMap((part) => [...of[part].data].map(Number))))
  const executable = await executor.compile(graph, memorySource(of))
  const results = await executable.run(
    { ...inputs, ...given },
    { rows: { parents: layout.parents, block: layout.length } },
  )
  await executable.dispose()
  const gradients = splitParameters(
    new Map(parameters.map(({ name }) => [name, results[`gradient ${name}`]])),
    new Map(Object.entries(of).map(([name, { shape }]) => [name, shape])),
  )
  return { loss: Number(results.loss.data[0]), gradients }
}

const scale = 6 / 3

/** W + scale B A, and the gradient of B and A by that of the sum: scale dW A^T and scale B^T dW. */
function merged(module: string, adapted: Record<string, Tensor<'f32'>>) {
  const [a, b] = ['A', 'B'].map((letter) => adapted[`${adapterPrefix}${module}.lora_${letter}.weight`])
  const weight = tensors[`${module}.weight`]
  const [outputs, width] = weight.shape
  const data = weight.data.slice()
  for (let o = 0; o < outputs; o++)
    for (let r = 0; r < 3; r++)
      for (let i = 0; i < width; i++) data[o * width + i] += scale * b.data[o * 3 + r] * a.data[r * width + i]
  const gradientsBy = (dw: Float32Array) => {
    const [da, db] = [new Float32Array(3 * width), new Float32Array(outputs * 3)]
    for (let o = 0; o < outputs; o++)
      for (let r = 0; r < 3; r++)
        for (let i = 0; i < width; i++) {
          da[r * width + i] += scale * b.data[o * 3 + r] * dw[o * width + i]
          db[o * 3 + r] += scale * a.data[r * width + i] * dw[o * width + i]
        }
    return { da, db }
  }
  return { weight: tensor('f32', weight.shape, data), gradientsBy }
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, name: string, tolerance = 1e-3): void {
  const size = Math.max(...Array.from(expected, Math.abs))
  expect(size, name).toBeGreaterThan(0)
  for (let i = 0; i < expected.length; i++)
    expect(Math.abs(actual[i] - expected[i]), `${name}[${i}]`).toBeLessThan(tolerance * size)
}

describe('a model with an adapter', () => {
  test('has its own loss where B is zero, bit for bit', async () => {
    const { loss } = await run(languageModelObjective(spec), tensors)
    expect((await run(objective, { ...tensors, ...adapterOf(0) })).loss).toBe(loss)
  })

  test('has the loss of W + scale B A, and the gradients that follow from that of the sum', async () => {
    const adapted = adapterOf(0.1)
    const sums = Object.fromEntries(adapter.modules.map((module) => [module, merged(module, adapted)]))
    const whole = await run(languageModelObjective(spec), {
      ...tensors,
      ...Object.fromEntries(adapter.modules.map((module) => [`${module}.weight`, sums[module].weight])),
    })
    const low = await run(objective, { ...tensors, ...adapted })
    expect(low.loss / whole.loss).toBeCloseTo(1, 5)
    expect(low.loss).not.toBeCloseTo((await run(languageModelObjective(spec), tensors)).loss, 1)
    expect([...low.gradients.keys()].sort()).toEqual(Object.keys(adapted).sort())
    for (const module of adapter.modules) {
      const { da, db } = sums[module].gradientsBy(whole.gradients.get(`${module}.weight`)!.data)
      for (const [letter, expected] of Object.entries({ A: da, B: db })) {
        const name = `${adapterPrefix}${module}.lora_${letter}.weight`
        expectClose(low.gradients.get(name)!.data, expected, name)
      }
    }
  })

  test('gives the same under ONNX Runtime', async () => {
    const of = { ...tensors, ...adapterOf(0.1) }
    const [expected, actual] = [await run(objective, of), await run(objective, of, onnxExecutor({ training: true }))]
    expect(actual.loss / expected.loss).toBeCloseTo(1, 5)
    for (const [name, { data }] of expected.gradients) expectClose(actual.gradients.get(name)!.data, data, name)
  })

  test('leaves a teacher in the same graph without one', () => {
    const taught = lowRankObjective(distillationObjective(spec, { teacher: spec, share: 0.5 }), spec, adapter)
    const { graph, parameters } = trainingGraph(taught)
    expect(parameters.flatMap(({ sources }) => sources).sort()).toEqual(Object.keys(adapterOf(0)).sort())
    expect(graph.weights.some(({ sources }) => sources[0].startsWith(teacherPrefix))).toBe(true)
    expect(graph.weights.some(({ sources }) => sources[0] === 'model.layers.0.mlp.down_proj.weight')).toBe(true)
  })
})

test('an adapter learns a batch, and one that was stored on the way ends with the same bits', async () => {
  const fresh = () => createTrainingStep(objective, withAdapter(adapterOf(0)), { threads: 1, weightDecay: 0 })
  const [whole, first, rest] = [await fresh(), await fresh(), await fresh()]
  const train = async (step: typeof whole, updates: number) => {
    for (let i = 0; i < updates; i++) {
      await step.accumulate(inputs, layout)
      await step.update({ learningRate: 0.01 })
    }
  }
  const before = await whole.evaluate(inputs, layout)
  await train(whole, 40)
  await train(first, 15)
  rest.restore(first.state())
  await train(rest, 25)
  expect(rest.state()).toEqual(whole.state())
  expect((await whole.evaluate(inputs, layout)).loss).toBeLessThan(before.loss / 2)
  for (const step of [whole, first, rest]) await step.dispose()
})
