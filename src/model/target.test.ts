import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Precision } from '../graph/index.ts'
import { chooseExecutor, onnxExecutor, referenceExecutor } from '../runtime/index.ts'
import { loadTargetModel, type TargetModel } from './load.ts'
import type { Rows, Target } from './target.ts'
import { tinyModel, tinyVariants } from './tiny.ts'

const [reference, onnx] = [referenceExecutor, onnxExecutor({ threads: 1 })]
/** The native one where it was built. */
const fastest = chooseExecutor({ threads: 1 }).executor
const executors = [reference, onnx, ...(fastest.name === 'native' ? [fastest] : [])]
const vocabSize = 64

function load(fields: Parameters<typeof tinyModel>[0], executor = reference, dtype: Precision = 'f32') {
  const { spec, source } = tinyModel(fields)
  return loadTargetModel(spec, source, { executor, dtype })
}

const token = fc.nat(vocabSize - 1)

/** Rows with random parents: trees, forests, chains. */
const anyRows = (maxLength: number) =>
  fc.array(fc.tuple(token, fc.nat(1000)), { minLength: 1, maxLength }).map(
    (rows): Rows => ({
      tokens: Int32Array.from(rows, ([id]) => id),
      parents: Int32Array.from(rows, ([, parent], row) => (parent % (row + 1)) - 1),
    }),
  )

const chainOf = (tokens: readonly number[]): Rows => ({
  tokens: Int32Array.from(tokens),
  parents: Int32Array.from(tokens, (_, i) => i - 1),
})

function pathTo(row: number, parents: ArrayLike<number>): number[] {
  const path: number[] = []
  for (let r = row; r >= 0; r = parents[r]) path.unshift(r)
  return path
}

async function append(target: Target, tokens: readonly number[]): Promise<void> {
  if (tokens.length === 0) return
  await target.forward(chainOf(tokens), {})
  target.commit(tokens.map((_, i) => i))
}

/** Logits of `tokens` after the target's cache, each run by itself. Leaves the cache as it was. */
async function oneByOne(target: Target, tokens: readonly number[]): Promise<Float32Array[]> {
  const { length } = target
  const logits: Float32Array[] = []
  for (const id of tokens) {
    logits.push((await target.forward(chainOf([id]), { head: 'logits' })).logits!)
    target.commit([0])
  }
  target.truncate(length)
  return logits
}

/** Logits of one more token after `tokens`, all of them given at once to an empty cache. */
async function afterPrefill(model: TargetModel, tokens: readonly number[], probe: number): Promise<Float32Array> {
  const target = model.createTarget()
  await append(target, tokens)
  return (await target.forward(chainOf([probe]), { head: 'logits' })).logits!
}

const rowOf = (values: Float32Array, row: number, size: number) => values.subarray(row * size, (row + 1) * size)

function expectClose(actual: Float32Array, expected: Float32Array, tolerance = 1e-4): void {
  expect(actual.length).toBe(expected.length)
  let largest = 0
  for (let i = 0; i < actual.length; i++) largest = Math.max(largest, Math.abs(actual[i] - expected[i]))
  expect(largest).toBeLessThan(tolerance)
}

function expectCloseOnAverage(actual: Float32Array, expected: Float32Array): void {
  expect(actual.reduce((sum, v, i) => sum + Math.abs(v - expected[i]), 0) / expected.length).toBeLessThan(1e-3)
}

const meanSquare = (values: Float32Array) => values.reduce((sum, v) => sum + v * v, 0) / values.length

function expectSameChoice(actual: Float32Array, expected: Float32Array): void {
  const order = [...expected.keys()].sort((a, b) => expected[b] - expected[a])
  const margin = expected[order[0]] - expected[order[1]]
  if (margin > 1e-4) expect(actual.indexOf(Math.max(...actual))).toBe(order[0])
}

describe('a row of a tree equals the same path run one row at a time, under every executor', () => {
  test.each(Object.entries(tinyVariants))('%s', async (_, fields) => {
    const models = await Promise.all(executors.map((executor) => load(fields, executor)))
    await fc.assert(
      fc.asyncProperty(fc.array(token, { maxLength: 6 }), anyRows(9), async (prefix, rows) => {
        const [expected, ...others] = await Promise.all(
          models.map(async (model) => {
            const target = model.createTarget()
            await append(target, prefix)
            const { logits } = await target.forward(rows, { head: 'logits' })
            for (let row = 0; row < rows.tokens.length; row++) {
              const path = pathTo(row, rows.parents).map((r) => rows.tokens[r])
              const alone = (await oneByOne(target, path)).at(-1)!
              expectClose(rowOf(logits!, row, vocabSize), alone)
              expectSameChoice(rowOf(logits!, row, vocabSize), alone)
            }
            return logits!
          }),
        )
        for (const logits of others) expectClose(logits, expected)
      }),
      { seed: 1, numRuns: 5 },
    )
    for (const model of models) await model.dispose()
  })
})

describe.each(['int8', 'int4'] as const)('a quantised model (%s)', (dtype) => {
  test('in the interpreter a row of a tree equals the same path to the last bit', async () => {
    const model = await load({}, reference, dtype)
    await fc.assert(
      fc.asyncProperty(anyRows(7), async (rows) => {
        const target = model.createTarget()
        await append(target, [1, 2, 3])
        const { logits } = await target.forward(rows, { head: 'logits' })
        for (let row = 0; row < rows.tokens.length; row++) {
          const path = pathTo(row, rows.parents).map((r) => rows.tokens[r])
          expect((await oneByOne(target, path)).at(-1)).toEqual(rowOf(logits!, row, vocabSize))
        }
      }),
      { seed: 1, numRuns: 4 },
    )
  })

  // A last bit of attention may lie on the edge between two steps of an activation. So it is the mean that must agree.
  test('under ONNX Runtime it equals the path, and the interpreter, on average to a thousandth', async () => {
    const [oracle, tested] = await Promise.all([reference, onnx].map((executor) => load({}, executor, dtype)))
    await fc.assert(
      fc.asyncProperty(anyRows(9), async (rows) => {
        const [expected, target] = [oracle.createTarget(), tested.createTarget()]
        await append(expected, [1, 2, 3])
        await append(target, [1, 2, 3])
        const { logits } = await target.forward(rows, { head: 'logits' })
        expectCloseOnAverage(logits!, (await expected.forward(rows, { head: 'logits' })).logits!)
        for (let row = 0; row < rows.tokens.length; row++) {
          const path = pathTo(row, rows.parents).map((r) => rows.tokens[r])
          expectCloseOnAverage(rowOf(logits!, row, vocabSize), (await oneByOne(target, path)).at(-1)!)
        }
      }),
      { seed: 1, numRuns: 4 },
    )
    await tested.dispose()
  })

  test('is near the model in f32', async () => {
    const rows = chainOf([3, 1, 4, 1, 5, 9, 2, 6])
    const [exact, rounded] = await Promise.all(
      (['f32', dtype] as const).map(async (precision) => {
        const model = await load({}, reference, precision)
        return (await model.createTarget().forward(rows, { head: 'logits' })).logits!
      }),
    )
    const error = Math.sqrt(meanSquare(rounded.map((v, i) => v - exact[i])) / meanSquare(exact))
    expect(error).toBeGreaterThan(0.001)
    expect(error).toBeLessThan({ int8: 0.05, int4: 0.5 }[dtype])
  })
})

describe.each(executors)('a cache ($name)', (executor) => {
  type Operation =
    | { readonly type: 'forward'; readonly rows: Rows }
    | { readonly type: 'commit'; readonly row: number }
    | { readonly type: 'truncate'; readonly to: number }
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ type: fc.constant('forward' as const), rows: anyRows(8) }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('commit' as const), row: fc.nat(1000) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('truncate' as const), to: fc.nat(1000) }) },
  )

  test.each([
    'key heads shared by two query heads',
    'a sliding window in one layer',
  ])('holds what a prefill of the same tokens holds after any passes, commits and truncations: %s', async (variant) => {
    const model = await load(tinyVariants[variant], executor)
    const capacity = 30
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 16 }), token, async (operations, probe) => {
        const target = model.createTarget(capacity)
        const text: number[] = []
        let last: Rows | undefined
        for (const op of operations) {
          if (op.type === 'forward') {
            const run = target.forward(op.rows, { head: 'logits' })
            if (text.length + op.rows.tokens.length > capacity) {
              await expect(run).rejects.toMatchObject({ code: 'context' })
            } else {
              const { logits } = await run
              expectClose(rowOf(logits!, 0, vocabSize), await afterPrefill(model, text, op.rows.tokens[0]))
              last = op.rows
            }
          } else if (op.type === 'commit') {
            const path = last ? pathTo(op.row % last.tokens.length, last.parents) : [0]
            if (!last) expect(() => target.commit(path)).toThrow(expect.objectContaining({ code: 'argument' }))
            else {
              target.commit(path)
              text.push(...path.map((row) => last!.tokens[row]))
              last = undefined
            }
          } else {
            const to = op.to % (text.length + 2)
            if (to > text.length)
              expect(() => target.truncate(to)).toThrow(expect.objectContaining({ code: 'argument' }))
            else {
              target.truncate(to)
              text.length = to
              last = undefined
            }
          }
          expect(target.length).toBe(text.length)
        }
        target.truncate(Math.min(text.length, capacity - 1))
        text.length = target.length
        const { logits } = await target.forward(chainOf([probe]), { head: 'logits' })
        expectClose(logits!, await afterPrefill(model, text, probe))
      }),
      { seed: 1, numRuns: 12 },
    )
    await model.dispose()
  })

  test('a prompt in pieces is a prompt at once, however it is cut', async () => {
    const model = await load(tinyVariants['a sliding window in one layer'], executor)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(token, { maxLength: 9 }), { maxLength: 5 }), async (pieces) => {
        const target = model.createTarget()
        for (const piece of pieces) await append(target, piece)
        const { logits } = await target.forward(chainOf([7]), { head: 'logits' })
        expectClose(logits!, await afterPrefill(model, pieces.flat(), 7))
      }),
      { seed: 1, numRuns: 8 },
    )
    await model.dispose()
  })

  test('grows with the text, up to its capacity and no further', async () => {
    const model = await load({ contextLength: 200 }, executor)
    const text = Array.from({ length: 200 }, (_, i) => (i * i) % vocabSize)
    const target = model.createTarget()
    expect(target.capacity).toBe(200)
    for (const [from, to] of [
      [0, 100],
      [100, 135],
      [135, 199],
    ])
      await append(target, text.slice(from, to))
    const { logits } = await target.forward(chainOf([text[199]]), { head: 'logits' })
    expectClose(logits!, await afterPrefill(model, text.slice(0, 199), text[199]))
    target.commit([0])
    expect(target.length).toBe(200)
    // Keys and values of 2 layers, each of 2 heads of 8 numbers.
    expect(target.cacheBytes).toBeGreaterThanOrEqual(200 * 2 * 2 * (2 * 8) * 4)
    await expect(target.forward(chainOf([1]), {})).rejects.toMatchObject({
      code: 'context',
      message: expect.stringMatching(/1 rows after 200 positions .* 200 positions/),
    })
    target.dispose()
    await model.dispose()
  })

  test('texts beside one another do not touch', async () => {
    const model = await load({}, executor)
    const [left, right] = [model.createTarget(), model.createTarget(20)]
    await append(left, [1, 2, 3])
    await append(right, [4, 5])
    const [a, b] = [left, right].map((target) => target.forward(chainOf([9]), { head: 'logits' }))
    expectClose((await a).logits!, await afterPrefill(model, [1, 2, 3], 9))
    expectClose((await b).logits!, await afterPrefill(model, [4, 5], 9))
    left.commit([0])
    right.dispose()
    expect(left.length).toBe(4)
    await model.dispose()
  })
})
