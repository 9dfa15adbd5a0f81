import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../graph/index.ts'
import { noise } from '../graph/noise.ts'
import type { Tensor } from '../tensor/index.ts'
import { memorySource } from '../tensor/memory.ts'
import type { Executable, Executor, KvCache } from './executor.ts'
import { loadAddon } from './native/addon.ts'
import { nativeExecutor } from './native/executor.ts'
import { onnxExecutor } from './onnx/executor.ts'
import { referenceExecutor } from './reference.ts'

const addon = loadAddon()
const isas = 'reason' in addon ? [] : addon.availableIsas()

/** `tolerance` 0: bit for bit. ONNX Runtime sums over slots, whose number differs. */
const executors: readonly { name: string; executor: Executor; tolerance: number }[] = [
  { name: 'reference', executor: referenceExecutor, tolerance: 0 },
  { name: 'ONNX Runtime', executor: onnxExecutor({ threads: 2 }), tolerance: 1e-5 },
  ...isas.map((isa) => ({ name: `native, ${isa}`, executor: nativeExecutor({ threads: 2, isa }), tolerance: 0 })),
]

const headDim = 8

/** Attention layers over the same rows, one for each window and number of heads. */
function attentionLayers(layers: readonly { heads: number; kvHeads: number; window: number | null }[]) {
  const g = new GraphBuilder()
  const widths: Record<string, number> = {}
  layers.forEach(({ heads, kvHeads, window }, i) => {
    const [q, k, v] = [heads, kvHeads, kvHeads].map((h, j) => {
      widths[`${'qkv'[j]}${i}`] = h
      return g.input(`${'qkv'[j]}${i}`, 'f32', ['rows', h, headDim])
    })
    const cache = g.cache({ kvHeads, headDim })
    g.output(`y${i}`, g.attention(q, k, v, { cache, scale: 0.4, window }))
  })
  return { graph: g.build(), widths }
}

type Inputs = Record<string, Tensor<'f32'>>

function randomInputs(widths: Readonly<Record<string, number>>, rows: number, seed: number): Inputs {
  return Object.fromEntries(
    Object.entries(widths).map(([name, h], i) => [
      name,
      { dtype: 'f32', shape: [rows, h, headDim], data: noise(rows * h * headDim, seed + i) },
    ]),
  )
}

const rowsOf = (inputs: Inputs, from: number, to: number): Inputs =>
  Object.fromEntries(
    Object.entries(inputs).map(
      ([
        name,
        {
          shape: [, h],
          data,
        },
      ]) => [
        name,
        { dtype: 'f32', shape: [to - from, h, headDim], data: data.slice(from * h * headDim, to * h * headDim) },
      ],
    ),
  )

function expectRows(actual: Record<string, Tensor>, whole: Record<string, Tensor>, from: number, tolerance: number) {
  for (const [name, { data, shape }] of Object.entries(actual)) {
    const start = from * shape[1]
    const expected = whole[name].data.slice(start, start + data.length)
    if (tolerance === 0) expect(data).toEqual(expected)
    else data.forEach((value, i) => void expect(Math.abs(Number(value) - Number(expected[i]))).toBeLessThan(tolerance))
  }
}

function pathTo(row: number, parents: ArrayLike<number>): number[] {
  const path: number[] = []
  for (let r = row; r >= 0; r = parents[r]) path.unshift(r)
  return path
}

/** A tree, how many rows each of its passes has, whether rows are run and forgotten before one, and what is committed. */
const tree = fc.record({
  parentSeeds: fc.array(fc.nat(1000), { minLength: 1, maxLength: 20 }),
  passes: fc.array(fc.record({ rows: fc.integer({ min: 1, max: 6 }), inVain: fc.boolean() }), {
    minLength: 20,
    maxLength: 20,
  }),
  commit: fc.nat(1000),
})

async function chain(executable: Executable, cache: KvCache, inputs: Inputs, rows: number) {
  await executable.run(inputs, { rows: { cache, parents: Int32Array.from({ length: rows }, (_, i) => i - 1) } })
  cache.commit(Array.from({ length: rows }, (_, i) => i))
}

describe.each(executors)('rows held between runs: $name', ({ executor, tolerance }) => {
  test('a tree cut into passes gives each row what one pass over it gives, and so do commits across passes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<readonly (readonly [number, number])[]>(
          [[4, 2]],
          [
            [6, 1],
            [2, 2],
          ],
        ),
        fc.constantFrom(null, 1, 3, 8),
        // The last of these leaves less room than the trees need before the arrays grow.
        fc.constantFrom(0, 4, 120),
        fc.array(tree, { minLength: 1, maxLength: 3 }),
        fc.nat(1000),
        async (heads, window, prompt, trees, seed) => {
          const { graph, widths } = attentionLayers(heads.map(([h, kvHeads]) => ({ heads: h, kvHeads, window })))
          const executable = await executor.compile(graph, memorySource({}))
          const [whole, cut] = [executable.createCache(400), executable.createCache(400)]
          if (prompt > 0)
            for (const cache of [whole, cut]) await chain(executable, cache, randomInputs(widths, prompt, seed), prompt)
          for (const [i, { parentSeeds, passes, commit }] of trees.entries()) {
            const parents = Int32Array.from(parentSeeds, (p, row) => (p % (row + 1)) - 1)
            const inputs = randomInputs(widths, parents.length, seed + 100 * (i + 1))
            const expected = await executable.run(inputs, { rows: { cache: whole, parents } })
            for (let held = 0, pass = 0; held < parents.length; pass++) {
              const end = Math.min(parents.length, held + passes[pass].rows)
              const rows = { cache: cut, parents: parents.slice(held, end), held }
              // Of a pass whose rows the next one does not hold nothing may be left.
              if (passes[pass].inVain) await executable.run(randomInputs(widths, end - held, seed + 50), { rows })
              expectRows(await executable.run(rowsOf(inputs, held, end), { rows }), expected, held, tolerance)
              held = end
            }
            const path = pathTo(commit % parents.length, parents)
            for (const cache of [whole, cut]) cache.commit(path)
            expect(cut.length).toBe(whole.length)
          }
          await executable.dispose()
        },
      ),
      { numRuns: 25, seed: 1 },
    )
  })

  test('refuses to hold rows that are not there, and rows held take room', async () => {
    const { graph, widths } = attentionLayers([{ heads: 1, kvHeads: 1, window: null }])
    const executable = await executor.compile(graph, memorySource({}))
    const cache = executable.createCache(5)
    const run = (held: number, ...parents: number[]) =>
      executable.run(randomInputs(widths, parents.length, 1), {
        rows: { cache, parents: Int32Array.from(parents), held },
      })
    await expect(run(1, -1)).rejects.toMatchObject({
      code: 'argument',
      message: expect.stringMatching(/held: expected 0 to 0, the rows since the last commit or truncate, got 1/),
    })
    await run(0, -1, 0, 0)
    for (const held of [4, -1, 1.5, Number.NaN])
      await expect(run(held, -1)).rejects.toMatchObject({
        code: 'argument',
        message: expect.stringMatching(/held: expected/),
      })
    await expect(run(3, 3)).rejects.toMatchObject({
      code: 'argument',
      message: expect.stringMatching(/row 3 has parent 3/),
    })
    await expect(run(3, 0, 1, 2)).rejects.toMatchObject({
      code: 'context',
      message: expect.stringMatching(/6 rows after 0 positions .* 5 positions \(3 of them held\)/),
    })
    // What was refused has changed nothing.
    await run(3, 2, 3)
    expect(() => cache.commit([0, 1, 3])).toThrow(/not a path/)
    cache.commit([0, 2, 3, 4])
    expect(cache.length).toBe(4)
    await expect(run(1, -1)).rejects.toThrow(/held: expected 0 to 0/)
    await run(0, -1)
    cache.truncate(2)
    await expect(run(1, -1)).rejects.toThrow(/held: expected 0 to 0/)
    await run(0, -1, 0)
    await run(1, 0)
    expect(() => cache.commit([0, 1, 2])).toThrow(/not a path of/)
    cache.commit([0, 1])
    expect(cache.length).toBe(4)
    await executable.dispose()
  })

  test('a run without a cache has no rows to hold', async () => {
    const g = new GraphBuilder()
    const x = g.input('x', 'f32', ['rows', 2])
    g.output('y', g.add(x, x))
    const executable = await executor.compile(g.build(), memorySource({}))
    const rows = { parents: Int32Array.of(-1), held: 1 }
    await expect(
      executable.run({ x: { dtype: 'f32', shape: [1, 2], data: Float32Array.of(1, 2) } }, { rows }),
    ).rejects.toMatchObject({ code: 'argument' })
    await executable.dispose()
  })
})
