import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { differentiate, GraphBuilder, type Value, type Weight } from '../graph/index.ts'
import { noise } from '../graph/noise.ts'
import { elementCount, memorySource, type Tensor } from '../tensor/index.ts'
import { loadAddon } from './native/addon.ts'
import { nativeExecutor } from './native/executor.ts'
import { onnxExecutor } from './onnx/executor.ts'
import { referenceExecutor } from './reference.ts'

const noAddon = 'reason' in loadAddon()
const runs = { numRuns: 12, seed: 1 }
const seed = fc.nat(1000)

const random = (shape: number[], s: number): Tensor<'f32'> => ({
  dtype: 'f32',
  shape,
  data: noise(elementCount(shape), s),
})

function largestDifference(a: Tensor['data'], b: Tensor['data']): number {
  expect(a.length).toBe(b.length)
  let largest = 0
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(Number(a[i]) - Number(b[i])))
  return largest
}

/** Rows of ids from 0 to 4. */
const someIds = (count: number, s: number): Tensor => ({
  dtype: 'i32',
  shape: [count],
  data: Int32Array.from(noise(count, s), (v) => Math.floor(((v + 1) / 2) * 5)),
})

const losses: Record<string, (g: GraphBuilder, x: Value, ids: Value, w: Record<string, Weight>) => Value> = {
  'linear, rmsNorm and siluMul': (g, x, _, { w, gain, b }) => {
    const [a, c] = g.split(g.linear(g.rmsNorm(x, gain, 1e-6), w, b), [4, 4])
    return g.siluMul(a, c)
  },
  silu: (g, x) => g.silu(g.scale(x, 4)),
  'rmsNorm over heads, rope': (g, x, ids, { half }) =>
    g.rope(g.rmsNorm(g.reshape(x, ['rows', 2, 4]), half, 1e-6), ids, {
      frequencies: Float64Array.of(1, 0.1),
      scale: 2,
    }),
  'embedding and concat': (g, x, ids, { w }) => g.concat([g.mul(g.embedding(w, ids), x), g.scale(x, 3)]),
  'cross entropy': (g, x, ids) => g.crossEntropy(x, ids),
  'soft cross entropy': (g, x, ids, { w }) => g.softCrossEntropy(x, g.softmax(g.embedding(w, ids))),
  smoothL1: (g, x, ids, { w }) => g.smoothL1(g.scale(x, 3), g.embedding(w, ids)),
  equal: (g, x, ids) => g.mul(g.crossEntropy(x, ids), g.equal(g.argmax(x), ids)),
  stopGradient: (g, x) => g.mul(g.stopGradient(g.softmax(x)), x),
  'softmax and logSoftmax': (g, x) => g.mul(g.softmax(x), g.logSoftmax(x)),
}

describe.each(Object.entries(losses))('training under ONNX Runtime equals the interpreter: %s', (_, write) => {
  const weights = { w: random([8, 8], 1), b: random([8], 2), gain: random([8], 3), half: random([4], 4) }
  const graph = () => {
    const g = new GraphBuilder()
    const x = g.input('x', 'f32', ['rows', 8])
    const ids = g.input('ids', 'i32', ['rows'])
    const parameters = Object.fromEntries(Object.entries(weights).map(([n, { shape }]) => [n, g.weight(n, shape)]))
    const y = write(g, x, ids, parameters)
    const used = Object.values(parameters).filter((w) => g.nodes.some(({ inputs }) => inputs.includes(w)))
    const loss = g.sum(g.mul(y, y))
    differentiate(g, loss, [x, ...used]).forEach((gradient, i) => {
      g.output(`gradient ${i}`, gradient)
    })
    g.output('loss', loss)
    return g.build()
  }

  test.each([1, 2, 17])('%i rows', async (rowCount) => {
    const inputs = { x: random([rowCount, 8], 5), ids: someIds(rowCount, 6) }
    const expected = await (await referenceExecutor.compile(graph(), memorySource(weights))).run(inputs)
    const tested = await onnxExecutor({ threads: 2 }).compile(graph(), memorySource(weights))
    const actual = await tested.run(inputs)
    await tested.dispose()
    for (const [name, { shape, data }] of Object.entries(expected)) {
      expect(actual[name].shape).toEqual(shape)
      const size = Math.max(1, ...Array.from(data as Float32Array, Math.abs))
      expect(largestDifference(actual[name].data, data), name).toBeLessThan(1e-4 * size)
    }
  })

  test.skipIf(noAddon)('the native executor says that it does not train', async () => {
    await expect(nativeExecutor({ threads: 2 }).compile(graph(), memorySource(weights))).rejects.toThrow(
      /does not train: it has no/,
    )
  })
})

describe('attention over the rows alone, under ONNX Runtime', () => {
  const graph = (window: number | null, heads: readonly number[], entries: number) => {
    const g = new GraphBuilder()
    const [q, k, v, ...own] = heads.map((count, i) => g.input(`${i}`, 'f32', ['rows', count, 4]))
    const [keys, values] = ['keys', 'values'].map((name) => g.input(name, 'f32', [entries, heads[1], 4]))
    const front = entries > 0 ? { prefix: [keys, values] as const } : {}
    const y = g.attention(q, k, v, { cache: null, scale: 0.5, window }, { ...front, own })
    const loss = g.sum(g.mul(y, y))
    g.output('y', y)
    differentiate(g, loss, [q, k, v, ...(entries > 0 ? [keys, values] : []), ...own]).forEach((gradient, i) => {
      g.output(`gradient ${i}`, gradient)
    })
    return g.build()
  }

  test('and its gradient equal the interpreter, for random trees in blocks, alike or not, with riders or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(null, 1, 3),
        fc.constantFrom(1, 2, 3),
        fc.array(fc.nat(1000), { minLength: 1, maxLength: 7 }),
        fc.boolean(),
        fc.constantFrom([4, 2, 2], [4, 2, 2, 2, 2], [2, 2, 2, 2, 2, 2, 2]),
        fc.constantFrom(0, 0, 1, 3),
        fc.nat(7),
        seed,
        async (window, blocks, seeds, alike, heads, entries, riders, s) => {
          const block = seeds.length
          const parents = Int32Array.from({ length: blocks * block }, (_, row) => {
            const own = row % block
            const parent = ((seeds[own] + (alike ? 0 : row)) % (own + 1)) - 1
            return parent < 0 ? -1 : row - own + parent
          })
          const inputs = {
            ...Object.fromEntries(heads.map((count, i) => [`${i}`, random([blocks * block, count, 4], s + i)])),
            keys: random([entries, heads[1], 4], s + 20),
            values: random([entries, heads[1], 4], s + 21),
          }
          const rows = { parents, block, ridersFrom: Math.max(0, block - riders) }
          const reference = await referenceExecutor.compile(graph(window, heads, entries), memorySource({}))
          const expected = await reference.run(inputs, { rows })
          const tested = await onnxExecutor({ threads: 2 }).compile(graph(window, heads, entries), memorySource({}))
          const actual = await tested.run(inputs, { rows })
          await tested.dispose()
          for (const [name, { data }] of Object.entries(expected))
            expect(largestDifference(actual[name].data, data), name).toBeLessThan(1e-5)
        },
      ),
      runs,
    )
  })

  test('refuses a path that leaves its block, and rows that are not whole blocks', async () => {
    const inputs = Object.fromEntries([4, 2, 2].map((heads, i) => [`${i}`, random([4, heads, 4], i)]))
    for (const executor of [referenceExecutor, onnxExecutor({ threads: 2 })]) {
      const tested = await executor.compile(graph(null, [4, 2, 2], 0), memorySource({}))
      const run = (parents: number[], block: number) =>
        tested.run(inputs, { rows: { parents: Int32Array.from(parents), block } })
      await expect(run([-1, 0, 1, 2], 2)).rejects.toThrow(/row 2 has parent 1 outside its block/)
      await expect(run([-1, 0, 1, 2], 3)).rejects.toThrow(/4 rows are not whole blocks of 3/)
      await tested.dispose()
    }
  })
})
