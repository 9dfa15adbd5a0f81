import { expect, test } from 'vitest'
import { feedForward } from '../../drafters/index.ts'
import { addGradient, crossEntropy, freshNetwork, layersOf } from './network.ts'
import { numbers } from './tiny.ts'

const inputs = Array.from({ length: 5 }, (_, i) => Math.sin(3 * i) * 1.5)
const zeros = (network: ReturnType<typeof freshNetwork>) =>
  new Map([...network].map(([name, { data }]) => [name, new Float32Array(data.length)]))

test.each([0, 1] as const)('the gradient is that of finite differences, label %i', (label) => {
  const network = freshNetwork(5, 4, 7)
  const next = numbers(3)
  for (const { data } of network.values()) for (let i = 0; i < data.length; i++) data[i] = 2 * next() - 1
  const gradients = zeros(network)
  addGradient(network, gradients, inputs, label)
  const scratch = zeros(network)
  for (const [name, { data }] of network)
    for (let i = 0; i < data.length; i++) {
      const value = data[i]
      data[i] = value + 1e-3
      const [high, above] = [data[i], addGradient(network, scratch, inputs, label)]
      data[i] = value - 1e-3
      const [low, below] = [data[i], addGradient(network, scratch, inputs, label)]
      data[i] = value
      expect(gradients.get(name)![i]).toBeCloseTo((above - below) / (high - low), 5)
    }
})

test('the loss is the cross-entropy of the network as a file holds it', () => {
  const network = freshNetwork(5, 4, 9)
  const z = feedForward(layersOf(network), inputs)
  expect(addGradient(network, zeros(network), inputs, 1)).toBeCloseTo(-Math.log(1 / (1 + Math.exp(-z))), 5)
  expect(addGradient(network, zeros(network), inputs, 0)).toBeCloseTo(-Math.log(1 - 1 / (1 + Math.exp(-z))), 5)
})

test('the cross-entropy stays finite where a chance rounds to 0 or 1', () => {
  expect(crossEntropy(1000, 0)).toBe(1000)
  expect(crossEntropy(-1000, 1)).toBe(1000)
  expect(crossEntropy(1000, 1)).toBe(0)
})

test('equal seeds give equal networks, others others', () => {
  const weights = (seed: number) => layersOf(freshNetwork(5, 4, seed))
  expect(weights(1)).toEqual(weights(1))
  expect(weights(1)).not.toEqual(weights(2))
})
