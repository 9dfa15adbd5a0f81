import { expect, test } from 'vitest'
import { loadTargetModel, type TargetModel } from '../model/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { referenceExecutor } from '../runtime/index.ts'
import { measureOverhead } from './overhead.ts'

const load = (contextLength: number) => {
  const { spec, source } = tinyModel({ contextLength }, 3)
  return loadTargetModel(spec, source, { executor: referenceExecutor, dtype: 'f32' })
}

/** The same model with passes that take so much longer. */
function slowed(model: TargetModel, ms: number): TargetModel {
  return {
    ...model,
    createTarget(capacity) {
      const target = model.createTarget(capacity)
      const forward = target.forward.bind(target)
      target.forward = async (rows, want) => {
        const until = performance.now() + ms
        while (performance.now() < until);
        return forward(rows, want)
      }
      return target
    },
  }
}

test('steps of 16 rows accept what is right, and the pass is no part of the overhead', async () => {
  const [measured] = await measureOverhead(slowed(await load(100), 10), { contexts: [8], texts: 1 })
  expect(measured).toMatchObject({ vocabSize: 64, context: 8, rows: 16, tau: 5 })
  expect(measured.steps).toBeGreaterThanOrEqual(8)
  expect(measured.forwardMs).toBeGreaterThan(10)
  expect(measured.medianUs).toBeGreaterThan(0)
  expect(measured.medianUs).toBeLessThan(5000)
  expect(measured.fastUs).toBeLessThanOrEqual(measured.medianUs)
})

test('a context that leaves no room is refused', async () => {
  const model = await load(100)
  await expect(measureOverhead(model, { contexts: [41] })).rejects.toMatchObject({ code: 'context' })
})
