import { describe, expect, test } from 'vitest'
import { shareSpent, validateBudget } from './budget.ts'
import { createSchedule, type ScheduleName, scheduleNames } from './schedule.ts'

const rates = (schedule: ScheduleName, shares: number[], more = {}) => {
  const rate = createSchedule({ schedule, learningRate: 2, warmup: 0, ...more })
  return shares.map((share) => Number(rate(1000, share).toFixed(6)))
}

describe('the learning rate', () => {
  test('has the shape its name says', () => {
    const shares = [0, 0.5, 0.9, 1]
    expect(rates('constant', shares)).toEqual([2, 2, 2, 2])
    expect(rates('linear', shares)).toEqual([2, 1, 0.2, 0])
    expect(rates('linear', shares, { finalShare: 0.5 })).toEqual([2, 1.5, 1.1, 1])
    expect(rates('cosine', shares, { finalShare: 0 })).toEqual([2, 1, 0.048943, 0])
    expect(rates('warmup-stable-decay', [0, 0.8, 0.85, 1])).toEqual([2, 2, 1, 0])
  })

  test.for(scheduleNames)('%s rises in equal steps, the first above 0, and never exceeds the peak', (schedule) => {
    const rate = createSchedule({ schedule, learningRate: 1, warmup: 4 })
    expect([0, 1, 2, 3, 4].map((updates) => rate(updates, 0))).toEqual(
      [0.2, 0.4, 0.6, 0.8, 1].map((x) => expect.closeTo(x)),
    )
    const all = Array.from({ length: 101 }, (_, i) => rate(i, i / 100))
    expect(Math.max(...all)).toBeLessThanOrEqual(1)
    for (let i = 5; i < all.length; i++) expect(all[i]).toBeLessThanOrEqual(all[i - 1] + 1e-12)
  })

  test('is refused, field named, where it makes no sense', () => {
    const valid = { schedule: 'cosine', learningRate: 1, warmup: 0 } as const
    for (const [fields, names] of [
      [{ schedule: 'cyclic' }, 'schedule is cyclic'],
      [{ learningRate: 0 }, 'learningRate is 0'],
      [{ warmup: -1 }, 'warmup is -1'],
      [{ finalShare: 2 }, 'finalShare is 2'],
      [{ decayShare: 0 }, 'decayShare is 0'],
    ] as const)
      expect(() => createSchedule({ ...valid, ...fields } as never)).toThrow(names)
  })
})

describe('a budget', () => {
  const spent = { updates: 10, tokens: 3000, seconds: 30 }

  test('is spent when the nearest of its limits is reached', () => {
    expect(shareSpent({ updates: 40 }, spent)).toBe(0.25)
    expect(shareSpent({ updates: 40, tokens: 6000 }, spent)).toBe(0.5)
    expect(shareSpent({ updates: 40, minutes: 0.5 }, spent)).toBe(1)
    expect(shareSpent({ updates: 5 }, spent)).toBe(1)
  })

  test('must have a limit above 0', () => {
    expect(() => validateBudget({})).toThrow('no budget')
    expect(() => validateBudget({ tokens: 0 })).toThrow('tokens is 0')
  })
})
