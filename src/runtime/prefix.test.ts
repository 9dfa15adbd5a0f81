import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../graph/index.ts'
import { noise } from '../graph/noise.ts'
import type { Tensor } from '../tensor/index.ts'
import { memorySource } from '../tensor/memory.ts'
import type { Executor, KeysAndValues } from './executor.ts'
import { loadAddon } from './native/addon.ts'
import { nativeExecutor } from './native/executor.ts'
import { onnxExecutor } from './onnx/executor.ts'
import { referenceExecutor } from './reference.ts'

const addon = loadAddon()
const isas = 'reason' in addon ? [] : addon.availableIsas()

/** `exact`: whether a row has the same bits whatever is beside it. ONNX Runtime sums over slots, whose number differs. */
const executors: readonly { name: string; executor: Executor; exact: boolean }[] = [
  { name: 'reference', executor: referenceExecutor, exact: true },
  { name: 'ONNX Runtime', executor: onnxExecutor({ threads: 2 }), exact: false },
  ...isas.flatMap((isa) =>
    [1, 2].map((threads) => ({
      name: `native, ${isa}, ${threads} threads`,
      executor: nativeExecutor({ threads, isa }),
      exact: true,
    })),
  ),
]

const [heads, kvHeads, headDim] = [4, 2, 8]

function attentionLayers(windows: readonly (number | null)[]) {
  const g = new GraphBuilder()
  for (const [i, window] of windows.entries()) {
    const [q, k, v] = [heads, kvHeads, kvHeads].map((h, j) => g.input(`${'qkv'[j]}${i}`, 'f32', ['rows', h, headDim]))
    g.output(`y${i}`, g.attention(q, k, v, { cache: g.cache({ kvHeads, headDim }), scale: 0.4, window }))
  }
  return g.build()
}

/** Rows of which each has numbers of its own, whatever rows are asked for. */
function rowsOf(layers: number, from: number, rows: number): Record<string, Tensor> {
  return Object.fromEntries(
    Array.from({ length: 3 * layers }, (_, i) => {
      const width = (i % 3 === 0 ? heads : kvHeads) * headDim
      const data = new Float32Array(rows * width)
      for (let row = 0; row < rows; row++) data.set(noise(width, 1000 * (from + row) + i), row * width)
      const shape = [rows, width / headDim, headDim]
      return [`${'qkv'[i % 3]}${Math.floor(i / 3)}`, { dtype: 'f32', shape, data } as Tensor]
    }),
  )
}

function prefixOf(layers: number, entries: number): KeysAndValues[] {
  const some = (seed: number) => noise(entries * kvHeads * headDim, seed)
  return Array.from({ length: layers }, (_, l) => ({ keys: some(77 + 2 * l), values: some(78 + 2 * l) }))
}

const chainOf = (rows: number) => Int32Array.from({ length: rows }, (_, i) => i - 1)

describe.each(executors)('a prefix in front of the cache: $name', ({ executor, exact }) => {
  test('riders see it, and no other row does: those have what they have without prefix and riders', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<(number | null)[]>([null], [3, null]),
        fc.constantFrom(1, 5, 40),
        fc.constantFrom(0, 4, 110),
        fc.array(fc.nat(1000), { minLength: 1, maxLength: 9 }),
        fc.array(fc.nat(1000), { maxLength: 40 }),
        fc.nat(3),
        async (windows, entries, prompt, treeSeeds, riderSeeds, held) => {
          const graph = attentionLayers(windows)
          const layers = windows.length
          const tested = await executor.compile(graph, memorySource({}))
          const oracle = await referenceExecutor.compile(graph, memorySource({}))
          const [with_, without, expected] = [tested.createCache(200), tested.createCache(200), oracle.createCache(200)]
          for (const cache of [with_, expected]) cache.setPrefix(prefixOf(layers, entries))
          const chain = { parents: chainOf(prompt) }
          if (prompt > 0)
            for (const [executable, cache] of [
              [tested, with_],
              [tested, without],
              [oracle, expected],
            ] as const) {
              await executable.run(rowsOf(layers, 0, prompt), { rows: { cache, ...chain } })
              cache.commit(chain.parents.map((_, i) => i))
            }
          const parents = [...treeSeeds, ...riderSeeds].map((p, row) => (p % (row + 1)) - 1)
          const tree = treeSeeds.length
          const hold = Math.min(held, tree - 1)
          const run = async (executable: typeof tested, cache: typeof with_, end: number) => {
            const first = { cache, parents: Int32Array.from(parents.slice(0, hold)) }
            if (hold > 0) await executable.run(rowsOf(layers, 500, hold), { rows: first })
            const own = Int32Array.from(parents.slice(hold, end))
            return executable.run(rowsOf(layers, 500 + hold, own.length), {
              rows: { cache, parents: own, held: hold, ridersFrom: tree - hold },
            })
          }
          const all = await run(tested, with_, parents.length)
          const alone = await run(tested, without, tree)
          const right = await run(oracle, expected, parents.length)
          for (const name of Object.keys(all)) {
            const [ours, theirs] = [all[name].data as Float32Array, right[name].data as Float32Array]
            ours.forEach((value, i) => void expect(Math.abs(value - theirs[i])).toBeLessThan(1e-5))
            const plain = alone[name].data as Float32Array
            if (exact) expect(ours.slice(0, plain.length)).toEqual(plain)
            else plain.forEach((value, i) => void expect(Math.abs(value - ours[i])).toBeLessThan(1e-5))
          }
          // What is committed is what it would have been without them.
          const path: number[] = []
          for (let row = tree - 1; row >= 0; row = parents[row]) path.unshift(row)
          for (const cache of [with_, without]) cache.commit(path)
          const next = { parents: Int32Array.of(-1) }
          const [a, b] = [
            await tested.run(rowsOf(layers, 900, 1), { rows: { cache: with_, ...next } }),
            await tested.run(rowsOf(layers, 900, 1), { rows: { cache: without, ...next } }),
          ]
          for (const name of Object.keys(a))
            if (exact) expect(a[name].data).toEqual(b[name].data)
            else
              a[name].data.forEach(
                (value, i) => void expect(Math.abs(Number(value) - Number(b[name].data[i]))).toBeLessThan(1e-5),
              )
          await tested.dispose()
        },
      ),
      { numRuns: 25, seed: 1 },
    )
  })

  test('it is put into an empty cache only, fits its layers, and can be taken away', async () => {
    const graph = attentionLayers([null, null])
    const executable = await executor.compile(graph, memorySource({}))
    const cache = executable.createCache(20)
    const run = (rows: number, ridersFrom: number) =>
      executable.run(rowsOf(2, 0, rows), { rows: { cache, parents: chainOf(rows), ridersFrom } })
    const [good, other] = [prefixOf(2, 3), prefixOf(2, 4)]
    for (const wrong of [
      prefixOf(1, 3),
      [good[0], other[1]],
      [good[0], { keys: good[1].keys, values: other[1].values }],
    ])
      expect(() => cache.setPrefix(wrong)).toThrow(/a prefix has keys and values of 2 layers/)
    cache.setPrefix([])
    const before = await run(4, 2)
    expect(() => cache.setPrefix(good)).toThrow(/empty cache/)
    cache.truncate(0)
    cache.setPrefix(good)
    const between = await run(4, 2)
    expect(between.y0.data).not.toEqual(before.y0.data)
    cache.commit([0])
    expect(() => cache.setPrefix([])).toThrow(/empty cache/)
    cache.truncate(0)
    const { bytes } = cache
    cache.setPrefix(other)
    cache.setPrefix([])
    // Or every text would grow it again.
    expect(cache.bytes).toBe(bytes)
    expect((await run(4, 2)).y1.data).toEqual(before.y1.data)
    await expect(run(4, 5)).rejects.toThrow(/riders: expected/)
    await expect(run(4, -1)).rejects.toThrow(/riders: expected/)
    await executable.dispose()
  })
})
