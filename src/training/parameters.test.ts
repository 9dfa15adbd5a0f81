import { expect, test } from 'vitest'
import { memorySource, type Tensor, tensor } from '../tensor/index.ts'
import { joinTensors, splitParameters } from './parameters.ts'

const q = tensor('f32', [2, 2], Float32Array.of(1, 2, 3, 4))
const k = tensor('f32', [1, 2], Float32Array.of(5, 6))
const shapes = new Map([
  ['q', [2, 2]],
  ['k', [1, 2]],
])
const parameter = (name: string, ...values: number[]) =>
  new Map<string, Tensor>([[name, tensor('f32', [values.length / 2, 2], Float32Array.from(values))]])

test('a parameter of several tensors is split into what it was joined from, as copies', async () => {
  const joined = await joinTensors(memorySource({ q, k }), ['q', 'k'], [3, 2])
  expect([...joined]).toEqual([1, 2, 3, 4, 5, 6])
  const parameters = new Map([['q + k', tensor('f32', [3, 2], joined)]])
  const parts = splitParameters(parameters, shapes)
  joined.fill(0)
  expect(Object.fromEntries(parts)).toEqual({ q, k })
})

test('tensors that do not fill a parameter exactly are refused by name', async () => {
  const source = memorySource({ q, k })
  await expect(joinTensors(source, ['q', 'k'], [2, 2])).rejects.toThrow('q, k have 6 elements together')
  await expect(joinTensors(source, ['k'], [2, 2])).rejects.toThrow('k have 2 elements together')
  for (const values of [
    [1, 2],
    [1, 2, 3, 4, 5, 6, 7, 8],
  ])
    expect(() => splitParameters(parameter('q + k', ...values), shapes)).toThrow('the tensors of "q + k" take 6')
  expect(() => splitParameters(parameter('v', 1, 2), shapes)).toThrow('the shape of the tensor "v" is not known')
})
