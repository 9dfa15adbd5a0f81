import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GraphBuilder, type Precision, type Value, type Weight } from '../graph/index.ts'
import { noise } from '../graph/noise.ts'
import type { Tensor } from '../tensor/index.ts'
import { memorySource } from '../tensor/memory.ts'
import type { Executable, Executor } from './executor.ts'
import { loadAddon } from './native/addon.ts'
import { nativeExecutor } from './native/executor.ts'
import { onnxExecutor } from './onnx/executor.ts'
import { referenceExecutor } from './reference.ts'

const addon = loadAddon()
const isas = 'reason' in addon ? [] : addon.availableIsas()
if ('reason' in addon) console.info(`The native executor is not tested here: ${addon.reason}`)

/** Every executor but the interpreter, their oracle. int4: ONNX Runtime rounds activations per block, not per row. */
const executors: readonly { name: string; executor: Executor; int4Tolerance: number }[] = [
  { name: 'ONNX Runtime', executor: onnxExecutor({ threads: 2 }), int4Tolerance: 0.01 },
  {
    name: 'ONNX Runtime, 8 bits in halves',
    executor: onnxExecutor({ threads: 2, inHalves: true }),
    int4Tolerance: 0.01,
  },
  ...isas.map((isa) => ({
    name: `native, ${isa}`,
    executor: nativeExecutor({ threads: 2, isa }),
    int4Tolerance: 1e-5,
  })),
]

function random(shape: number[], seed: number): Tensor<'f32'> {
  return {
    dtype: 'f32',
    shape,
    data: noise(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  }
}

/** A graph under test: `write` adds nodes over inputs and weights of the given shapes and returns what to compare. */
interface Case {
  inputs: Record<string, Tensor>
  weights?: Record<string, { tensor: Tensor<'f32'>; precision?: Precision }>
  write: (g: GraphBuilder, values: Record<string, Value>, weights: Record<string, Weight>) => Value[]
}

async function compileBoth(
  executor: Executor,
  { inputs, weights = {}, write }: Case,
): Promise<[Executable, Executable]> {
  const g = new GraphBuilder()
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [name, g.input(name, dtype, ['rows', ...shape.slice(1)])]),
  )
  const parameters = Object.fromEntries(
    Object.entries(weights).map(([name, { tensor, precision }]) => [name, g.weight(name, tensor.shape, precision)]),
  )
  write(g, values, parameters).forEach((value, i) => {
    g.output(`out${i}`, value)
  })
  const graph = g.build()
  const source = memorySource(Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, w.tensor])))
  return [await referenceExecutor.compile(graph, source), await executor.compile(graph, source)]
}

async function expectAgreement(executor: Executor, testCase: Case, tolerance: number): Promise<void> {
  const [oracle, tested] = await compileBoth(executor, testCase)
  const expected = await oracle.run(testCase.inputs)
  const actual = await tested.run(testCase.inputs)
  await tested.dispose()
  for (const [name, { dtype, shape, data }] of Object.entries(expected)) {
    expect(actual[name].dtype).toBe(dtype)
    expect(actual[name].shape).toEqual(shape)
    expect(largestDifference(actual[name].data, data)).toBeLessThanOrEqual(tolerance)
  }
}

function largestDifference(a: Tensor['data'], b: Tensor['data']): number {
  expect(a.length).toBe(b.length)
  let largest = 0
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(Number(a[i]) - Number(b[i])))
  return largest
}

const runs = { numRuns: 12, seed: 1 }
const rows = fc.constantFrom(1, 2, 3, 7, 8, 17)
const width = fc.constantFrom(1, 3, 16, 64, 100, 129)
const seed = fc.nat(1000)

describe.each(executors)('every operation equals the interpreter: $name', ({ executor, int4Tolerance }) => {
  test('linear in f32, with and without bias', async () => {
    await fc.assert(
      fc.asyncProperty(rows, width, width, fc.boolean(), seed, async (t, k, n, withBias, s) => {
        const weights = { w: { tensor: random([n, k], s + 1) }, b: { tensor: random([n], s + 2) } }
        await expectAgreement(
          executor,
          {
            inputs: { x: random([t, k], s) },
            weights,
            write: (g, { x }, { w, b }) => [g.linear(x, w, withBias ? b : undefined)],
          },
          1e-4,
        )
      }),
      runs,
    )
  })

  test('linear in int8: integer sums, so only the last rounding may differ', async () => {
    await fc.assert(
      fc.asyncProperty(rows, width, width, seed, async (t, k, n, s) => {
        const weights = { w: { tensor: random([n, k], s + 1), precision: 'int8' as const } }
        await expectAgreement(
          executor,
          { inputs: { x: random([t, k], s) }, weights, write: (g, { x }, { w }) => [g.linear(x, w)] },
          1e-4,
        )
      }),
      runs,
    )
  })

  test('linear in int4, as closely as the executor rounds activations the same way', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(64, 128, 172, 256, 300), width, seed, async (t, k, n, s) => {
        const weights = { w: { tensor: random([n, k], s + 1), precision: 'int4' as const } }
        await expectAgreement(
          executor,
          { inputs: { x: random([t, k], s) }, weights, write: (g, { x }, { w }) => [g.linear(x, w)] },
          int4Tolerance * Math.sqrt(k),
        )
      }),
      runs,
    )
  })

  test('an output may have the name of an input', async () => {
    const g = new GraphBuilder()
    const state = g.input('state', 'f32', ['rows', 8])
    g.output('state', g.add(state, state))
    const tested = await executor.compile(g.build(), memorySource({}))
    const x = random([2, 8], 3)
    expect([...(await tested.run({ state: x })).state.data]).toEqual([...x.data].map((value) => 2 * value))
    await tested.dispose()
  })

  test('a linear weight made of several tensors', async () => {
    const parts = memorySource({ a: random([3, 8], 1), b: random([5, 8], 2) })
    const g = new GraphBuilder()
    g.output('y', g.linear(g.input('x', 'f32', ['rows', 8]), g.weight(['a', 'b'], [8, 8], 'int8')))
    const graph = g.build()
    const x = random([4, 8], 3)
    const expected = await (await referenceExecutor.compile(graph, parts)).run({ x })
    const tested = await executor.compile(graph, parts)
    expect(largestDifference((await tested.run({ x })).y.data, expected.y.data)).toBeLessThan(1e-4)
    await tested.dispose()
  })

  test.each([
    'f32',
    'int8',
    'int4',
  ] as const)('a concat of two norms into a linear layer in %s, its parts read elsewhere too', async (precision) => {
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom([3, 5], [64, 64], [100, 29], [128, 192]), seed, async (t, [a, b], s) => {
        await expectAgreement(
          executor,
          {
            inputs: { x: random([t, a], s), y: random([t, b], s + 1) },
            weights: {
              left: { tensor: random([a], s + 2) },
              right: { tensor: random([b], s + 3) },
              w: { tensor: random([17, a + b], s + 4), precision },
            },
            write: (g, { x, y }, { left, right, w }) => {
              const parts = [g.rmsNorm(x, left, 1e-6), g.rmsNorm(y, right, 1e-6)]
              const whole = g.concat(parts)
              return [g.linear(whole, w), whole, parts[1], g.add(parts[0], x), g.argmax(whole)]
            },
          },
          precision === 'int4' ? Math.max(1e-4, int4Tolerance * Math.sqrt(a + b)) : 1e-4,
        )
      }),
      runs,
    )
  })

  test('rmsNorm, over rows and over heads', async () => {
    await fc.assert(
      fc.asyncProperty(rows, width, seed, async (t, d, s) => {
        const weights = { gain: { tensor: random([d], s + 1) } }
        await expectAgreement(
          executor,
          { inputs: { x: random([t, d], s) }, weights, write: (g, { x }, w) => [g.rmsNorm(x, w.gain, 1e-6)] },
          1e-5,
        )
        await expectAgreement(
          executor,
          { inputs: { x: random([t, 3, d], s) }, weights, write: (g, { x }, w) => [g.rmsNorm(x, w.gain, 1e-6)] },
          1e-5,
        )
      }),
      runs,
    )
  })

  test('rope at far positions, two tables side by side', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(2, 8, 64), seed, async (t, headDim, s) => {
        const positions: Tensor = {
          dtype: 'i32',
          shape: [t],
          data: Int32Array.from({ length: t }, (_, i) => (i * 7919 + s) % 131072),
        }
        const table = (theta: number) =>
          Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim))
        await expectAgreement(
          executor,
          {
            inputs: { x: random([t, 4, headDim], s), positions },
            write: (g, { x, positions: p }) => [
              g.rope(x, p, { frequencies: table(10000), scale: 1 }),
              g.rope(x, p, { frequencies: table(500), scale: 1.25 }),
            ],
          },
          1e-5,
        )
      }),
      runs,
    )
  })

  test('elementwise operations, split, reshape, softmax, argmax and top-k', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(4, 16, 100), seed, async (t, d, s) => {
        await expectAgreement(
          executor,
          {
            inputs: { a: random([t, d], s), b: random([t, d], s + 1) },
            write: (g, { a, b }) => {
              const { values, indices } = g.topK(a, 3)
              const halves = g.split(a, [d / 2, d / 2])
              const folded = g.reshape(g.add(a, b), ['rows', 2, d / 2])
              const activated = [g.siluMul(a, b), g.silu(a)]
              return [...activated, folded, ...halves, g.softmax(a), g.logSoftmax(b), g.argmax(a), values, indices]
            },
          },
          1e-5,
        )
      }),
      runs,
    )
  })

  test('equal values: the lowest index wins', async () => {
    const x: Tensor = { dtype: 'f32', shape: [1, 6], data: Float32Array.of(1, 5, 2, 5, 5, 0) }
    await expectAgreement(executor, { inputs: { x }, write: (g, v) => [g.argmax(v.x), g.topK(v.x, 4).indices] }, 0)
  })
})

describe.each(executors)('attention over cache and rows: $name', ({ executor }) => {
  /** A run of rows with random parents, then a commit of a random path or a truncation: the same on both sides. */
  const step = fc.record({
    parentSeeds: fc.array(fc.nat(1000), { minLength: 1, maxLength: 9 }),
    commit: fc.nat(1000),
    truncate: fc.nat(5),
  })

  test('equals the interpreter through any sequence of runs, commits and truncations', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom([4, 4], [4, 2], [6, 1]),
        fc.constantFrom(null, 1, 3, 8),
        fc.array(step, { minLength: 1, maxLength: 6 }),
        seed,
        async ([heads, kvHeads], window, steps, s) => {
          const headDim = 8
          const g = new GraphBuilder()
          const shapes = { q: heads, k: kvHeads, v: kvHeads }
          const [q, k, v] = Object.entries(shapes).map(([name, h]) => g.input(name, 'f32', ['rows', h, headDim]))
          const cache = g.cache({ kvHeads, headDim })
          g.output('y', g.attention(q, k, v, { cache, scale: 0.4, window }))
          const graph = g.build()
          const sides = [
            await referenceExecutor.compile(graph, memorySource({})),
            await executor.compile(graph, memorySource({})),
          ]
          const caches = sides.map((side) => side.createCache(400))
          for (const [i, { parentSeeds, commit, truncate }] of steps.entries()) {
            const parents = Int32Array.from(parentSeeds, (p, row) => (p % (row + 1)) - 1)
            const inputs = Object.fromEntries(
              Object.entries(shapes).map(([name, h], j) => [
                name,
                random([parents.length, h, headDim], s + 10 * i + j),
              ]),
            )
            const [expected, actual] = await Promise.all(
              sides.map((side, j) => side.run(inputs, { rows: { cache: caches[j], parents } })),
            )
            expect(largestDifference(actual.y.data, expected.y.data)).toBeLessThan(1e-5)
            const path: number[] = []
            for (let row = commit % parents.length; row >= 0; row = parents[row]) path.unshift(row)
            for (const side of caches) {
              side.commit(path)
              if (truncate === 0) side.truncate(Math.floor(side.length / 2))
            }
            expect(caches[1].length).toBe(caches[0].length)
          }
          await sides[1].dispose()
        },
      ),
      runs,
    )
  })

  test('refuses a path that is not one, rows that do not fit, and a commit without a run', async () => {
    const g = new GraphBuilder()
    const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, 'f32', ['rows', 1, 2]))
    g.output('y', g.attention(q, k, v, { cache: g.cache({ kvHeads: 1, headDim: 2 }), scale: 1, window: null }))
    for (const side of [referenceExecutor, executor]) {
      const executable = await side.compile(g.build(), memorySource({}))
      const cache = executable.createCache(3)
      const inputs = (t: number) => ({ q: random([t, 1, 2], 1), k: random([t, 1, 2], 2), v: random([t, 1, 2], 3) })
      await executable.run(inputs(3), { rows: { cache, parents: Int32Array.of(-1, 0, 0) } })
      expect(() => cache.commit([0, 1, 2])).toThrow(/not a path/)
      expect(() => cache.commit([1])).toThrow(/not a path/)
      cache.commit([0, 2])
      expect(() => cache.commit([0])).toThrow(/no run/)
      expect(() => cache.truncate(3)).toThrow(/0 to 2/)
      await expect(executable.run(inputs(2), { rows: { cache, parents: Int32Array.of(-1, 0) } })).rejects.toThrow(
        /do not fit/,
      )
      await expect(executable.run(inputs(1), { rows: { cache, parents: Int32Array.of(0) } })).rejects.toThrow(
        /parent 0/,
      )
      await executable.dispose()
    }
  })
})

const precisions = ['f32', 'int8', 'int4'] as const
const layers = executors
  .flatMap((e) => precisions.map((precision) => ({ ...e, precision })))
  // ONNX Runtime's 4-bit product takes another path for one row than for several.
  .filter(({ executor, precision }) => executor.name === 'native' || precision !== 'int4')

test.each(
  layers,
)('$name: a row of a $precision linear layer has the same bits whatever rows are beside it, 1 to 64', async ({
  executor,
  precision,
}) => {
  const g = new GraphBuilder()
  const [k, n] = [320, 448]
  g.output('y', g.linear(g.input('x', 'f32', ['rows', k]), g.weight('w', [n, k], precision)))
  const layer = await executor.compile(g.build(), memorySource({ w: random([n, k], 1) }))
  const x = random([64, k], 2)
  const take = (from: number, to: number): Tensor => ({
    dtype: 'f32',
    shape: [to - from, k],
    data: x.data.subarray(from * k, to * k),
  })
  const alone: Float32Array[] = []
  for (let row = 0; row < 64; row++) alone.push((await layer.run({ x: take(row, row + 1) })).y.data as Float32Array)
  for (let t = 1; t <= 64; t++) {
    const together = (await layer.run({ x: take(0, t) })).y.data as Float32Array
    for (let row = 0; row < t; row++)
      expect(Buffer.compare(bytes(together.slice(row * n, (row + 1) * n)), bytes(alone[row]))).toBe(0)
  }
  await layer.dispose()
})

const bytes = (data: Float32Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)
