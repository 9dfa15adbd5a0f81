import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GraphBuilder } from '../graph/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { memorySource } from '../tensor/memory.ts'
import { readWeightRows } from './weight-rows.ts'

const rowsOf = (n: number, k: number, first: number): Tensor<'f32'> => ({
  dtype: 'f32',
  shape: [n, k],
  data: Float32Array.from({ length: n * k }, (_, i) => first * k + i),
})

test('chunks of any multiple put together are the tensors one below the other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(1, 3, 40_000),
      fc.constantFrom(1, 4, 16),
      async (sizes, k, multiple) => {
        let n = 0
        const parts = Object.fromEntries(
          sizes.map((size, i) => {
            n += size
            return [`part ${i}`, rowsOf(size, k, n - size)]
          }),
        )
        const weight = new GraphBuilder().weight(Object.keys(parts), [n, k])
        let next = 0
        for await (const { row, rows, data } of readWeightRows(weight, memorySource(parts), multiple)) {
          expect(row).toBe(next)
          expect(data.length).toBe(rows * k)
          expect(data[0]).toBe(Math.fround(row * k))
          expect(data[data.length - 1]).toBe(Math.fround((row + rows) * k - 1))
          next += rows
          if (next < n) expect(rows % multiple).toBe(0)
        }
        expect(next).toBe(n)
      },
    ),
    { numRuns: 15, seed: 1 },
  )
})

test('tensors that do not add up to the weight, and values that are not numbers, are refused by name', async () => {
  const read = async (tensors: Record<string, Tensor>, shape: number[]) => {
    const weight = new GraphBuilder().weight(Object.keys(tensors), shape)
    for await (const _ of readWeightRows(weight, memorySource(tensors), 1));
  }
  await expect(read({ a: rowsOf(2, 3, 0) }, [3, 3])).rejects.toThrow('tensors a do not add up to [3,3]')
  await expect(read({ a: rowsOf(4, 3, 0) }, [3, 3])).rejects.toThrow('do not add up')
  const damaged = rowsOf(4, 3, 0)
  damaged.data[7] = Number.NaN
  await expect(read({ a: rowsOf(2, 3, 0), b: damaged }, [6, 3])).rejects.toThrow(
    'tensor "b": row 2 holds NaN or infinity',
  )
})
