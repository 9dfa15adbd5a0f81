import { describe, expect, test } from 'vitest'
import { bootstrap, geometricMean } from './averages.ts'

test('twice as fast and half as fast cancel out', () => {
  expect(geometricMean([2, 0.5])).toBeCloseTo(1, 12)
  expect(geometricMean([1, 10, 100])).toBeCloseTo(10, 12)
})

describe('the bootstrap interval', () => {
  const ratios = [1.1, 1.9, 1.4, 2.2, 1.6, 1.3, 1.8, 1.5]

  test('is around the geometric mean, and within the ratios', () => {
    const { value, low, high } = bootstrap(ratios)
    expect(value).toBe(geometricMean(ratios))
    expect(low).toBeLessThan(value)
    expect(high).toBeGreaterThan(value)
    expect(low).toBeGreaterThan(1.1)
    expect(high).toBeLessThan(2.2)
  })

  test('is the same for the same ratios, and another one of another seed', () => {
    expect(bootstrap(ratios)).toEqual(bootstrap(ratios))
    expect(bootstrap(ratios, 1).low).not.toBe(bootstrap(ratios).low)
  })

  test('of many prompts is that of a normal mean of logarithms', () => {
    const many = Array.from({ length: 400 }, (_, i) => Math.exp(Math.sin(i * 12.9898) * 0.4))
    const logs = many.map(Math.log)
    const centre = Math.log(geometricMean(many))
    const deviation = Math.sqrt(logs.reduce((sum, x) => sum + (x - centre) ** 2, 0) / logs.length)
    const { low, high } = bootstrap(many)
    const expected = (2 * 1.96 * deviation) / Math.sqrt(many.length)
    expect((Math.log(high) - Math.log(low)) / expected).toBeCloseTo(1, 1)
  })

  test('of two prompts spans both, of one it is the ratio', () => {
    const { low, high } = bootstrap([1, 4])
    expect([low, high]).toEqual([1, expect.closeTo(4, 12)])
    const one = bootstrap([1.7])
    for (const end of Object.values(one)) expect(end).toBeCloseTo(1.7, 12)
  })
})
