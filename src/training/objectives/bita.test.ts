import { expect, test } from 'vitest'
import { loadTargetModel, readBitaRiders } from '../../model/index.ts'
import { referenceExecutor } from '../../runtime/index.ts'
import { memorySource, type Tensor } from '../../tensor/index.ts'
import { tinyRiders } from '../bita/tiny.ts'
import { createTrainingStep, trainingGraph } from '../training-step.ts'
import { bitaObjective } from './bita.ts'
import { expectSameUnderOnnx } from './same-under-onnx.ts'

const { spec, target, source, riders, tensors, batch, inputs, layout } = tinyRiders()
const { graph, parameters } = trainingGraph(bitaObjective(target, spec))
const rows = { parents: layout.parents, block: layout.length, ridersFrom: layout.ridersFrom! }

test('masks and prefix are trained, and nothing else', () => {
  expect(parameters.map(({ name }) => name).sort()).toEqual(Object.keys(riders).sort())
})

test('loss and gradients under ONNX Runtime equal the interpreter', async () => {
  await expectSameUnderOnnx(bitaObjective(target, spec), { tensors, inputs, layout })
})

test('gradients are those of finite differences', async () => {
  const executable = await referenceExecutor.compile(graph, memorySource(tensors))
  const run = (changed: Record<string, Tensor> = {}) => executable.run({ ...inputs, ...riders, ...changed }, { rows })
  const base = await run()
  for (const [name, { shape, data }] of Object.entries(riders)) {
    const gradient = base[`gradient ${name}`].data as Float32Array
    for (let probe = 0; probe < 12; probe++) {
      const at = (probe * 37) % data.length
      const moved = async (by: number) => {
        const values = data.slice()
        values[at] += by
        return Number((await run({ [name]: { dtype: 'f32', shape, data: values } })).loss.data[0])
      }
      const difference = ((await moved(0.01)) - (await moved(-0.01))) / 0.02
      expect(Math.abs(gradient[at] - difference), `${name}[${at}]`).toBeLessThan(0.02 + 0.05 * Math.abs(difference))
    }
  }
})

test('the loss is that of what masks say when they ride behind the text, in decoding', async () => {
  const executable = await referenceExecutor.compile(graph, memorySource(tensors))
  const { loss, weight } = await executable.run({ ...inputs, ...riders }, { rows })
  const model = await loadTargetModel(target, source, { executor: referenceExecutor, dtype: 'f32' })
  const learned = await readBitaRiders(spec, memorySource(riders))
  let [expected, groups] = [0, 0]
  const ids = (name: string) => inputs[name].data as Int32Array
  for (const [group, first] of ids('rows 0').entries()) {
    if (inputs['weights 0'].data[group] === 0) continue
    groups++
    const sequence = Math.floor(first / layout.length)
    const anchor = layout.parents[first] - sequence * (layout.length - batch.length)
    const text = [...batch.tokens.slice(anchor - batch.positions[anchor], anchor + 1)]
    const tokens = Int32Array.from([...text, ...Array.from({ length: spec.maskCount }, (_, m) => target.vocabSize + m)])
    const writing = model.createTarget()
    writing.setRiders(learned)
    const { logits } = await writing.forward(
      { tokens, parents: tokens.map((_, i) => i - 1), ridersFrom: text.length },
      { head: 'logits' },
    )
    for (let m = 0; m < spec.maskCount; m++) {
      if (inputs[`weights ${m}`].data[group] === 0) continue
      const scores = logits!.slice((text.length + m) * target.vocabSize, (text.length + m + 1) * target.vocabSize)
      const total = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0))
      expected += total - scores[ids(`labels ${m}`)[group]]
    }
  }
  expect(groups).toBeGreaterThan(3)
  expect(Number(weight.data[0])).toBe(groups)
  expect(Number(loss.data[0]) / expected).toBeCloseTo(1, 4)
})

test('learns to guess, and tells how many tokens a pass will give', async () => {
  const step = await createTrainingStep(bitaObjective(target, spec), memorySource(tensors), {
    threads: 1,
    weightDecay: 0,
  })
  const before = await step.evaluate(inputs, layout)
  for (let i = 0; i < 150; i++) {
    await step.accumulate(inputs, layout)
    await step.update({ learningRate: 0.03 })
  }
  const { loss, metrics, weight } = await step.evaluate(inputs, layout)
  expect(loss).toBeLessThan(0.5 * before.loss)
  expect(metrics['accepted 1']).toBeGreaterThan(before.metrics['accepted 1'])
  expect(metrics.tau).toBeCloseTo(weight + metrics['accepted 1'] + metrics['accepted 2'], 3)
  await step.dispose()
})
