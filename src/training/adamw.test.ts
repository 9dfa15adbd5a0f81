import { expect, test } from 'vitest'
import { tensor } from '../tensor/index.ts'
import { AdamW } from './adamw.ts'

const make = (options: ConstructorParameters<typeof AdamW>[1], shape = [1, 2]) => {
  const parameters = new Map([['w', tensor('f32', shape, Float32Array.of(1, -2))]])
  const adamw = new AdamW(parameters, options)
  const update = (gradient: number[], factor = 1) =>
    adamw.update(parameters, new Map([['w', Float32Array.from(gradient)]]), factor, 0.1)
  return { data: parameters.get('w')!.data, update, adamw }
}

test('the first update moves each element by the learning rate against its gradient, whatever its size', () => {
  const { data, update } = make({ weightDecay: 0 })
  expect(update([0.03, -0.04])).toBeCloseTo(0.05)
  expect(data[0]).toBeCloseTo(0.9, 5)
  expect(data[1]).toBeCloseTo(-1.9, 5)
})

test('moments follow the formula over two updates', () => {
  const { data, update, adamw } = make({ weightDecay: 0, betas: [0.9, 0.99], maxGradientNorm: 100 })
  update([2, 0])
  update([8, 0], 0.5)
  const [m, v] = [0.9 * 0.2 + 0.1 * 4, 0.99 * 0.04 + 0.01 * 16]
  expect(adamw.moments('w').first[0]).toBeCloseTo(m, 5)
  expect(adamw.moments('w').second[0]).toBeCloseTo(v, 5)
  expect(data[0]).toBeCloseTo(0.9 - (0.1 * (m / 0.19)) / Math.sqrt(v / 0.0199), 5)
})

test('matrices decay, vectors do not', () => {
  const matrix = make({ weightDecay: 0.5 })
  matrix.update([0, 0])
  expect([...matrix.data]).toEqual([Math.fround(0.95), Math.fround(-1.9)])
  const vector = make({ weightDecay: 0.5 }, [2])
  vector.update([0, 0])
  expect([...vector.data]).toEqual([1, -2])
})

test('the gradient is cut by value, then scaled to the norm', () => {
  const { update, adamw } = make({ maxGradientValue: 4, maxGradientNorm: 0.5 })
  expect(update([30, -400], 0.1)).toBeCloseTo(5)
  expect(adamw.moments('w').first[0]).toBeCloseTo(0.1 * 0.3, 6)
  expect(adamw.moments('w').first[1]).toBeCloseTo(0.1 * -0.4, 6)
})

test('a gradient that is not finite is named, and nothing moves', () => {
  const { data, update, adamw } = make({ maxGradientValue: 1 })
  expect(() => update([Number.NaN, 1])).toThrow(/gradient of w is not finite/)
  expect([...data]).toEqual([1, -2])
  expect(adamw.updates).toBe(0)
})
