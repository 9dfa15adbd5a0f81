import { describe, expect, test } from 'vitest'
import { tinyModel } from '../../model/tiny.ts'
import { memorySource } from '../../tensor/index.ts'
import { tinyHeadSpec, tinyHeadStates } from '../eagle/tiny.ts'
import { createTrainingStep, trainingGraph } from '../training-step.ts'
import { eagleObjective } from './eagle.ts'
import { expectSameUnderOnnx } from './same-under-onnx.ts'

const options = { decay: 0.8, featureWeight: 0.5, tokenWeight: 0.7 }
const kinds = ['eagle', 'eagle3'] as const

describe.each(kinds)('%s', (kind) => {
  test.each([1, 3])('loss and gradients of %i steps under ONNX Runtime equal the interpreter', async (steps) => {
    const { spec, ...given } = tinyHeadStates(kind, steps)
    await expectSameUnderOnnx(eagleObjective(spec, { ...options, steps }), given)
  })

  test('learns a batch by heart: every chain of its guesses is right', async () => {
    const { spec, tensors, inputs, layout } = tinyHeadStates(kind, 2)
    const objective = eagleObjective(spec, { ...options, featureWeight: 0, steps: 2 })
    const step = await createTrainingStep(objective, memorySource(tensors), { threads: 1, weightDecay: 0 })
    const before = await step.evaluate(inputs, layout)
    expect(before.metrics.tau / before.weight).toBeLessThan(1.5)
    for (let i = 0; i < 250; i++) {
      await step.accumulate(inputs, layout)
      await step.update({ learningRate: 0.01 })
    }
    const { metrics, weight } = await step.evaluate(inputs, layout)
    expect(metrics['accepted 1'] / weight).toBeGreaterThan(0.99)
    // At the end of a document there is no second guess.
    const second = (inputs['weights 1'].data as Float32Array).reduce((a, b) => a + b)
    expect(metrics['accepted 2'] / second).toBeGreaterThan(0.99)
    expect(metrics.tau).toBeCloseTo(weight + metrics['accepted 1'] + metrics['accepted 2'], 3)
    await step.dispose()
  })
})

test('what a head shares with its target does not change', () => {
  const { parameters } = trainingGraph(
    eagleObjective(tinyHeadSpec('eagle', tinyModel().spec), { ...options, steps: 1 }),
  )
  expect(parameters.map(({ name }) => name)).not.toContainEqual(expect.stringContaining('target'))
  expect(parameters).toHaveLength(6)
})
