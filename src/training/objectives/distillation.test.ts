import { expect, test } from 'vitest'
import { tinyModel } from '../../model/tiny.ts'
import { memorySource, tensor } from '../../tensor/index.ts'
import { freshTensors } from '../initialise.ts'
import { sideBySide } from '../sources.ts'
import { tinyBatch } from '../tiny.ts'
import { createTrainingStep } from '../training-step.ts'
import { distillationObjective, teacherPrefix } from './distillation.ts'
import { languageModelObjective } from './language-model.ts'

const teacher = tinyModel({}, 3)
const { spec } = teacher
const batch = () => {
  const { inputs, layout } = tinyBatch(spec.vocabSize, 2, 8)
  const ones = tensor('f32', [1, spec.vocabSize], new Float32Array(spec.vocabSize).fill(1))
  return { inputs: { ...inputs, ones }, layout, plain: inputs }
}
const source = (student = memorySource(freshTensors(spec, 1))) => sideBySide(student, teacher.source, teacherPrefix)
const step = (share: number, from = source()) =>
  createTrainingStep(distillationObjective(spec, { teacher: spec, share }), from, { threads: 1, weightDecay: 0 })

test('the loss mixes cross entropy and divergence, which is 0 for a student that is the teacher', async () => {
  const { inputs, layout, plain } = batch()
  const language = await createTrainingStep(languageModelObjective(spec), source(), { threads: 1 })
  const expected = await language.evaluate(plain, layout)
  for (const share of [0, 0.3, 1]) {
    const distilled = await step(share)
    const { loss, weight, metrics } = await distilled.evaluate(inputs, layout)
    expect(weight).toBeCloseTo(expected.weight, 4)
    expect(metrics.crossEntropy).toBeCloseTo(expected.loss, 3)
    expect(metrics.divergence).toBeGreaterThan(0.01)
    expect(loss).toBeCloseTo((1 - share) * metrics.crossEntropy + share * metrics.divergence, 3)
    await distilled.dispose()
  }
  const same = await step(1, source(teacher.source))
  expect((await same.evaluate(inputs, layout)).loss).toBeCloseTo(0, 4)
  await same.dispose()
  await language.dispose()
})

test('the student comes to say what the teacher says; the teacher is no parameter', async () => {
  const { inputs, layout } = batch()
  const distilled = await step(1)
  expect([...distilled.parameters.keys()].filter((name) => name.includes(teacherPrefix))).toEqual([])
  const first = await distilled.evaluate(inputs, layout)
  for (let i = 0; i < 60; i++) {
    await distilled.accumulate(inputs, layout)
    await distilled.update({ learningRate: 0.01 })
  }
  const last = await distilled.evaluate(inputs, layout)
  expect(last.loss).toBeLessThan(first.loss / 10)
  await distilled.dispose()
})

test('another vocabulary is refused', () => {
  expect(() => distillationObjective(spec, { teacher: { ...spec, vocabSize: 7 }, share: 0.5 })).toThrow('7 tokens')
})
