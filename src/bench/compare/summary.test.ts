import { describe, expect, test } from 'vitest'
import type { PromptRecord } from './records.ts'
import { bestConstants, summarise } from './summary.ts'
import { draftedRun, plainRun, record, runOf, step } from './tiny.ts'

const name = 'draft:constant-3'
/** A drafter that took `factor` times as long as `draftedRun`. */
const slower = (factor: number) =>
  runOf(Array.from({ length: 4 }, () => step(3, 3, 0.6 * factor, 2.5 * factor, 0.2 * factor)))
const withRun = (fields: Partial<PromptRecord>, factor: number, identical = true) =>
  record({ ...fields, drafted: [{ drafter: name, run: slower(factor), identical }] })
const once = plainRun.decodeMs / draftedRun.decodeMs

describe('a summary', () => {
  const rows = summarise([
    withRun({ prompt: 0, round: 0 }, 1),
    withRun({ prompt: 0, round: 1 }, 4),
    withRun({ prompt: 0, round: 2 }, 1),
    withRun({ prompt: 1, task: 'sql', round: 0, loops: true }, 0.25),
    withRun({ prompt: 1, task: 'sql', round: 1, loops: true }, 0.25, false),
  ])
  const [qa, sql, all] = rows

  test('has a row for each task and one for all', () => {
    expect(rows.map(({ task, prompts, drafter }) => [drafter, task, prompts])).toEqual([
      [name, 'qa', 1],
      [name, 'sql', 1],
      [name, 'all', 2],
    ])
  })

  test('takes the median over rounds, then the geometric mean over prompts', () => {
    expect(qa.speedup).toBeCloseTo(once, 12)
    expect(sql.speedup).toBeCloseTo(4 * once, 12)
    expect(all.speedup).toBeCloseTo(2 * once, 12)
    expect([all.speedupLow, all.speedupHigh]).toEqual([expect.closeTo(once, 12), expect.closeTo(4 * once, 12)])
  })

  test('counts a prompt as identical where every round was, and keeps texts that loop apart', () => {
    expect([qa.identical, sql.identical, all.identical]).toEqual([1, 0, 1])
    expect([qa.loops, sql.loops, all.loops]).toEqual([0, 1, 1])
    expect(all.speedupWithoutLoops).toBeCloseTo(once, 12)
    expect(sql.speedupWithoutLoops).toBeNull()
  })

  test('adds up tokens and time, and counts acceptance by position', () => {
    expect(qa.tokensPerSecond).toBeCloseTo((1000 * 36) / (6 * draftedRun.decodeMs), 9)
    expect(qa.plainTokensPerSecond).toBeCloseTo((1000 * 12) / plainRun.decodeMs, 9)
    expect(qa.acceptanceByPosition).toEqual([1, 1, 0])
    expect([qa.tokens, qa.forwards, qa.rows, qa.draftForwards]).toEqual([36, 12, 48, 36])
  })

  test('is in no place without a number', () => {
    for (const row of rows)
      for (const [field, value] of Object.entries(row))
        if (typeof value === 'number') expect([field, Number.isFinite(value)]).toEqual([field, true])
  })
})

test("Spec-Bench's speedup is a ratio of means of speeds, prompt included", () => {
  const fast = runOf([step(12, 11, 0, 5, 0)], { prefillMs: 1 })
  const slow = runOf([step(12, 11, 0, 23, 0)], { prefillMs: 1 })
  const drafted = (run: typeof fast) => [{ drafter: name, run, identical: true }]
  const all = summarise([record({ drafted: drafted(fast) }), record({ prompt: 1, drafted: drafted(slow) })]).at(-1)!
  const plain = 12 / (plainRun.prefillMs + plainRun.loopMs)
  expect(all.specBenchSpeedup).toBeCloseTo((12 / 6 + 12 / 24) / 2 / plain, 12)
})

test('dtypes and temperatures are apart, and a drafter that is in some records only has its own', () => {
  const other = { drafter: 'prompt-lookup', run: plainRun, identical: true }
  const rows = summarise([
    record(),
    record({ temperature: 1 }),
    record({ dtype: 'int8', drafted: [...record().drafted, other] }),
  ])
  expect(rows.filter(({ task }) => task === 'all').map((row) => [row.dtype, row.temperature, row.drafter])).toEqual([
    ['f32', 0, name],
    ['f32', 1, name],
    ['int8', 0, name],
    ['int8', 0, 'prompt-lookup'],
  ])
})

test('the best constant is told where there are several', () => {
  const drafted = [1, 2, 3].map((n) => ({
    drafter: `draft:constant-${n}=small`,
    run: slower(n === 2 ? 0.5 : 1),
    identical: true,
  }))
  expect(bestConstants(summarise([record({ drafted })])).map(({ drafter }) => drafter)).toEqual([
    'draft:constant-2=small',
  ])
  expect(bestConstants(summarise([record()]))).toEqual([])
})
