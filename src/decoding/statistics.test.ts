import { expect, test } from 'vitest'
import { loadTargetModel } from '../model/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { referenceExecutor } from '../runtime/index.ts'
import type { Step } from './decode.ts'
import { measureRow, StatisticsCollector } from './statistics.ts'

const step = (fields: Partial<Step>): Step => ({
  tokens: [0],
  accepted: 0,
  forwards: 1,
  rows: 1,
  depth: 0,
  draftForwards: 0,
  draftMs: 0,
  forwardMs: 1,
  totalMs: 1,
  ...fields,
})

function collected(steps: Partial<Step>[], rowMs?: number) {
  const statistics = new StatisticsCollector(11)
  for (const fields of steps) statistics.add(step(fields))
  return statistics.result(rowMs)
}

const two: Partial<Step>[] = [
  { tokens: [1, 2, 3], accepted: 2, rows: 8, depth: 3, draftMs: 2, forwardMs: 10, totalMs: 13 },
  { tokens: [4], accepted: 0, rows: 4, depth: 2, draftMs: 4, forwardMs: 8, totalMs: 15 },
]

test('tau is tokens per forward pass, the bonus token included', () => {
  expect(collected(two)).toMatchObject({ promptTokens: 11, tokens: 4, forwards: 2, rows: 12, acceptanceLength: 2 })
  expect(collected([{}, {}, {}]).acceptanceLength).toBe(1)
})

test('a step that a pass of one row had to decide counts both passes', () => {
  expect(collected([{ tokens: [1, 2], forwards: 2 }, { tokens: [3] }])).toMatchObject({
    forwards: 3,
    acceptanceLength: 1,
  })
})

test('acceptance by position counts only the steps that guessed so far ahead', () => {
  expect(collected(two).acceptanceByPosition).toEqual([1 / 2, 1 / 2, 0])
  const steps = [{ depth: 1, accepted: 1 }, { depth: 3, accepted: 3 }, { depth: 2, accepted: 1 }, { depth: 0 }]
  expect(collected(steps).acceptanceByPosition).toEqual([1, 1 / 2, 1])
  expect(collected([{}]).acceptanceByPosition).toEqual([])
})

test('drafting, forward passes and the rest add up to the whole', () => {
  const { draftMs, forwardMs, otherMs, tokensPerSecond } = collected(two)
  expect([draftMs, forwardMs, otherMs]).toEqual([6, 18, 4])
  expect(tokensPerSecond).toBeCloseTo((1000 * 4) / 28, 10)
})

test('the speedup is tau / (D + v + h), in units of a one-row pass', () => {
  const { speedup } = collected(two, 6)
  expect(speedup).toEqual({ rowMs: 6, tau: 2, D: 3 / 6, v: 9 / 6, h: 2 / 6, S: 2 / (14 / 6) })
  expect(collected(two)).not.toHaveProperty('speedup')
})

test('a text that ended before its first pass has no rates to speak of', () => {
  expect(collected([], 6)).toMatchObject({ tokens: 0, forwards: 0, acceptanceByPosition: [], tokensPerSecond: 0 })
  expect(collected([], 6)).not.toHaveProperty('speedup')
})

test('measuring a one-row pass leaves the text as it is', async () => {
  const { spec, source } = tinyModel()
  const model = await loadTargetModel(spec, source, { executor: referenceExecutor, dtype: 'f32' })
  const target = model.createTarget()
  await target.forward({ tokens: Int32Array.of(1, 2), parents: Int32Array.of(-1, 0) }, {})
  target.commit([0, 1])
  expect(await measureRow(target, 'argmax')).toBeGreaterThan(0)
  expect(target.length).toBe(2)
})
