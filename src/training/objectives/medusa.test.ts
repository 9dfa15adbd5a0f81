import { describe, expect, test } from 'vitest'
import { referenceExecutor } from '../../runtime/index.ts'
import { memorySource } from '../../tensor/index.ts'
import { tinyHeads } from '../medusa/tiny.ts'
import { createTrainingStep, trainingGraph } from '../training-step.ts'
import { medusaObjective } from './medusa.ts'
import { expectSameUnderOnnx } from './same-under-onnx.ts'

const options = { headDecay: 0.8, soft: 0.3 }

describe.each(['own', 'target', 'shared'] as const)('LM head "%s"', (lmHead) => {
  test.each([0, 0.3, 1])('loss and gradients under ONNX Runtime equal the interpreter, soft %d', async (soft) => {
    const { spec, ...given } = tinyHeads(lmHead, soft)
    const names = await expectSameUnderOnnx(medusaObjective(spec, { ...options, soft }), given)
    expect(names.filter((name) => name.startsWith('gradient'))).toHaveLength({ own: 6, target: 4, shared: 5 }[lmHead])
  })
})

test('learns a batch by heart: every chain of its guesses is right', async () => {
  const { spec, tensors, inputs, layout } = tinyHeads('own', 0)
  const step = await createTrainingStep(medusaObjective(spec, { ...options, soft: 0 }), memorySource(tensors), {
    threads: 1,
    weightDecay: 0,
  })
  const before = await step.evaluate(inputs, layout)
  expect(before.metrics.tau / before.weight).toBeLessThan(1.5)
  for (let i = 0; i < 200; i++) {
    await step.accumulate(inputs, layout)
    await step.update({ learningRate: 0.01 })
  }
  const { metrics, weight } = await step.evaluate(inputs, layout)
  expect(metrics['accepted 1'] / weight).toBeGreaterThan(0.99)
  // At the end of a document there is no second guess.
  const second = (inputs['weights 2'].data as Float32Array).reduce((a, b) => a + b)
  expect(metrics['accepted 2'] / second).toBeGreaterThan(0.99)
  expect(metrics.tau).toBeCloseTo(weight + metrics['accepted 1'] + metrics['accepted 2'], 3)
  await step.dispose()
})

test('the loss is what the paper says: of each head the cross entropy to the token behind the next ones', async () => {
  const { spec, tensors, inputs, layout, batch, logits } = tinyHeads('target', 0)
  const { graph } = trainingGraph(medusaObjective(spec, { headDecay: 0.5, soft: 0 }))
  const parameters = Object.fromEntries(Object.entries(tensors).filter(([name]) => name.startsWith('blocks')))
  const executable = await referenceExecutor.compile(graph, memorySource(tensors))
  const { loss } = await executable.run(
    { ...inputs, ...parameters },
    { rows: { parents: layout.parents, block: layout.length } },
  )
  let expected = 0
  // Blocks of zeros: every head says what the target would say of the next token.
  for (let row = 0; row < batch.tokens.length; row++)
    for (const k of [1, 2]) {
      const a = row + k
      if (batch.positions[a] !== batch.positions[row] + k) continue
      const scores = logits(row)
      const total = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0))
      expected += 0.5 ** k * batch.weights[a] * (total - scores[batch.targets[a]])
    }
  expect(Number(loss.data[0]) / expected).toBeCloseTo(1, 4)
})
