import { describe, expect, test } from 'vitest'
import { float32ToBfloat16, float32ToFloat16, type Tensor, type TensorSource } from '../tensor/index.ts'
import { memorySource } from '../tensor/memory.ts'
import { openEmbedding } from './embedding.ts'

const [vocab, hidden] = [5, 3]
// Multiples of 1/2, exact in every element type.
const values = Float32Array.from({ length: vocab * hidden }, (_, i) => i / 2)
const tables: Tensor[] = [
  { dtype: 'f32', shape: [vocab, hidden], data: values },
  { dtype: 'f16', shape: [vocab, hidden], data: float32ToFloat16(values) },
  { dtype: 'bf16', shape: [vocab, hidden], data: float32ToBfloat16(values) },
]

/** A source that counts what is read from it. */
function counted(table: Tensor): { source: TensorSource; reads: { whole: number; rows: number } } {
  const source = memorySource({ table })
  const reads = { whole: 0, rows: 0 }
  return {
    reads,
    source: {
      ...source,
      read: (name) => {
        reads.whole++
        return source.read(name)
      },
      readRows: (name, start, end) => {
        reads.rows++
        return source.readRows(name, start, end)
      },
    },
  }
}

describe.each(tables)('a table of $dtype', (table) => {
  const bytes = table.data.byteLength

  test('in memory: read once, as stored', async () => {
    const { source, reads } = counted(table)
    const embedding = await openEmbedding(source, 'table', bytes)
    expect([...(await embedding.lookup([4, 0, 4]))]).toEqual([6, 6.5, 7, 0, 0.5, 1, 6, 6.5, 7])
    expect(reads).toEqual({ whole: 1, rows: 0 })
    expect(embedding.bytes).toBe(bytes)
  })

  test('too large for that: rows are read when needed, and are the same', async () => {
    const { source, reads } = counted(table)
    const embedding = await openEmbedding(source, 'table', bytes - 1)
    expect([...(await embedding.lookup([4, 0, 4]))]).toEqual([6, 6.5, 7, 0, 0.5, 1, 6, 6.5, 7])
    expect(reads).toEqual({ whole: 0, rows: 3 })
    expect(embedding.bytes).toBe(0)
  })

  test.each([-1, 5, 2 ** 31 - 1, 0.5, Number.NaN])('token id %s is an error of code argument', async (token) => {
    for (const limit of [bytes, 0]) {
      const embedding = await openEmbedding(counted(table).source, 'table', limit)
      await expect(embedding.lookup([0, token])).rejects.toMatchObject({
        code: 'argument',
        message: `token id ${token} is not in the vocabulary of 5`,
      })
    }
  })
})
