import { beforeAll, describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../graph/index.ts'
import { tinyModel } from '../../model/tiny.ts'
import { type Executor, onnxExecutor, referenceExecutor } from '../../runtime/index.ts'
import { type Tensor, tensor } from '../../tensor/index.ts'
import { consistencyInputs } from '../cllm/step-inputs.ts'
import { tinyTrajectories } from '../cllm/tiny.ts'
import { TokenBatches } from '../data/index.ts'
import { sideBySide } from '../sources.ts'
import type { StepInputs } from '../trainer/index.ts'
import { createTrainingStep, trainingGraph } from '../training-step.ts'
import { consistencyObjective } from './consistency.ts'
import { teacherPrefix } from './distillation.ts'
import { languageModelLogits } from './language-model.ts'

const { spec, tensors, source } = tinyModel({}, 3)
const other = tinyModel({}, 4)
const block = 5
const options = { block, arWeight: 0.5, tokensPerByte: 0.25 }
let batch: StepInputs

beforeAll(async () => {
  const dataset = await tinyTrajectories(spec.vocabSize)
  const tokens = new TokenBatches(dataset, { sequences: 2, length: 24, seed: 2 }).next()
  batch = consistencyInputs(tokens, dataset.split('train'), {
    ...{ block, iterates: 3, augment: 0.5 },
    place: { seed: 3, at: [0, 0] },
  })
})

type Parameters = Readonly<Record<string, Tensor>>

/** Everything that the training graph yields, with these parameters. */
async function run(executor: Executor, teacher: typeof other | undefined, parameters: Parameters = {}) {
  const objective = consistencyObjective(spec, { ...options, ...(teacher && { teacher: teacher.spec }) })
  const training = trainingGraph(objective)
  const from = teacher ? sideBySide(source, teacher.source, teacherPrefix) : source
  const given: Record<string, Tensor> = {}
  for (const { name, sources, shape } of training.parameters)
    given[name] =
      parameters[name] ?? tensor('f32', shape, Float32Array.from(sources.flatMap((name) => [...tensors[name].data])))
  const executable = await executor.compile(training.graph, from)
  const rows = { parents: batch.layout.parents, block: batch.layout.length }
  const results = await executable.run({ ...batch.inputs, ...given }, { rows })
  await executable.dispose()
  return { results, given }
}

/** log p [text, vocabulary] of a text alone. */
async function logProbabilities(model: typeof other, text: readonly number[]): Promise<number[][]> {
  const g = new GraphBuilder()
  const [tokens, positions] = ['tokens', 'positions'].map((name) => g.input(name, 'i32', ['rows']))
  g.output('y', g.logSoftmax(languageModelLogits(g, model.spec, { tokens, positions })))
  const executable = await referenceExecutor.compile(g.build(), model.source)
  const ids = (data: Int32Array) => tensor('i32', [data.length], data)
  const inputs = { tokens: ids(Int32Array.from(text)), positions: ids(Int32Array.from(text.keys())) }
  const rows = { parents: Int32Array.from(text, (_, i) => i - 1), block: text.length }
  const { data } = (await executable.run(inputs, { rows })).y
  return text.map((_, row) => [...(data as Float32Array).slice(row * spec.vocabSize, (row + 1) * spec.vocabSize)])
}

const ids = (name: string) => batch.inputs[name].data as Int32Array
const floats = (name: string) => batch.inputs[name].data as Float32Array

describe.each([
  ['the model itself', undefined],
  ['a frozen one', other],
] as const)('taught by %s', (_, teacher) => {
  test('the loss is the divergence from what is said of the right text, and that of the text', async () => {
    const { results } = await run(referenceExecutor, teacher)
    const pathOf = (row: number): number[] => (row < 0 ? [] : [...pathOf(batch.layout.parents[row]), row])
    const tokensTo = (row: number) => pathOf(row).map((at) => ids('tokens')[at])
    let [kl, ar, right] = [0, 0, 0]
    const chain: number[] = []
    for (const [student, row] of ids('students').entries()) {
      const weight = floats('student weights')[student]
      if (weight === 0) continue
      const said = (await logProbabilities({ spec, tensors, source }, tokensTo(row))).at(-1)!
      const taught = (
        await logProbabilities(teacher ?? { spec, tensors, source }, tokensTo(ids('teachers')[student]))
      ).at(-1)!
      kl += weight * taught.reduce((sum, log, i) => sum + Math.exp(log) * (log - said[i]), 0)
      const before = ids('before')[student]
      const hit = said.indexOf(Math.max(...said)) === ids('labels')[student] ? 1 : 0
      chain[student] = before === student ? hit : hit * chain[before]
      right += floats('branch weights')[student] * chain[student]
    }
    for (const [i, row] of ids('text').entries()) {
      const weight = floats('weights')[i]
      if (weight > 0)
        ar -= weight * (await logProbabilities({ spec, tensors, source }, tokensTo(row))).at(-1)![ids('targets')[i]]
    }
    const value = (name: string) => Number(results[name].data[0])
    expect(kl).toBeGreaterThan(1)
    expect(value('metric kl')).toBeCloseTo(kl, 2)
    expect(value('metric ar')).toBeCloseTo(ar, 2)
    expect(value('loss')).toBeCloseTo(kl + 0.5 * ar, 2)
    expect(value('metric bits per byte')).toBeCloseTo((ar * 0.25) / Math.LN2, 2)
    expect(value('metric tau')).toBeCloseTo(value('weight') + right, 3)
  }, 60_000)

  test('loss and gradients under ONNX Runtime equal the interpreter', async () => {
    const [expected, actual] = await Promise.all(
      [referenceExecutor, onnxExecutor({ threads: 1, training: true })].map((executor) => run(executor, teacher)),
    )
    expect(Object.keys(expected.results).some((name) => name.includes(`gradient ${teacherPrefix}`))).toBe(false)
    for (const [name, { data }] of Object.entries(expected.results)) {
      const size = (data as Float32Array).reduce((largest, v) => Math.max(largest, Math.abs(v)), 0)
      if (name.startsWith('gradient')) expect(size, name).toBeGreaterThan(0)
      data.forEach((value, i) => {
        expect(Math.abs(Number(actual.results[name].data[i]) - Number(value)), `${name}[${i}]`).toBeLessThanOrEqual(
          1e-4 * Math.max(size, 1e-3),
        )
      })
    }
  })
})

test('no gradient goes through what teaches: it is that of a frozen copy, and the slope of its loss', async () => {
  const copy = { spec, tensors, source }
  const [own, frozen] = [await run(referenceExecutor, undefined), await run(referenceExecutor, copy)]
  const names = Object.keys(own.results).filter((name) => name.startsWith('gradient'))
  expect(names.length).toBeGreaterThan(5)
  for (const name of names) {
    const size = Math.max(...(frozen.results[name].data as Float32Array).map(Math.abs))
    frozen.results[name].data.forEach((value, i) => {
      expect(Math.abs(Number(own.results[name].data[i]) - Number(value)), name).toBeLessThan(1e-4 * Math.max(1, size))
    })
    // Along the gradient the loss rises by its length.
    const parameter = name.slice('gradient '.length)
    const gradient = frozen.results[name].data as Float32Array
    const length = Math.hypot(...gradient)
    const step = 0.02 / length
    const lossAt = async (by: number) => {
      const { shape, data } = frozen.given[parameter] as Tensor<'f32'>
      const moved = tensor(
        'f32',
        shape,
        data.map((value, i) => value + by * step * gradient[i]),
      )
      return Number((await run(referenceExecutor, copy, { [parameter]: moved })).results.loss.data[0])
    }
    const slope = ((await lossAt(1)) - (await lossAt(-1))) / 0.04
    expect(Math.abs(slope / length - 1), `${name}: slope ${slope}, length ${length}`).toBeLessThan(0.02)
  }
}, 60_000)

test('learns to say behind wrong iterates what it says behind the right text', async () => {
  const step = await createTrainingStep(consistencyObjective(spec, options), source, { threads: 1, weightDecay: 0 })
  const { inputs, layout } = batch
  const before = await step.evaluate(inputs, layout)
  for (let i = 0; i < 150; i++) {
    await step.accumulate(inputs, layout)
    await step.update({ learningRate: 0.01 })
  }
  const { metrics, weight } = await step.evaluate(inputs, layout)
  expect(metrics.kl).toBeLessThan(before.metrics.kl / 5)
  expect(metrics.ar).toBeLessThan(before.metrics.ar / 5)
  expect(before.metrics.tau / weight).toBeLessThan(1.3)
  expect(metrics.tau / weight).toBeGreaterThan(2)
  await step.dispose()
})

test('a teacher of another vocabulary is refused', () => {
  expect(() => consistencyObjective(spec, { ...options, teacher: { ...spec, vocabSize: 7 } })).toThrow('has 7 tokens')
})
