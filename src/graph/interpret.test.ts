import { describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../tensor/index.ts'
import { GraphBuilder } from './builder.ts'
import { type InterpreterState, interpret, type RowKeysAndValues } from './interpret.ts'
import type { Precision, Value } from './types.ts'

const f32 = (shape: number[], ...values: number[]) => tensor('f32', shape, Float32Array.from(values))
const i32 = (...values: number[]) => tensor('i32', [values.length], Int32Array.from(values))
const noCache: InterpreterState = { past: [], parents: [], fresh: [] }

/** Runs the operations that `write` adds over these inputs and weights; their results in order. */
function results(
  inputs: readonly Tensor[],
  write: (g: GraphBuilder, inputs: Value[], weight: (t: Tensor, precision?: Precision) => never) => Value[],
  state = noCache,
): Tensor[] {
  const g = new GraphBuilder()
  const data = new Map<number, Float32Array>()
  const values = inputs.map(({ dtype, shape }, i) => g.input(`${i}`, dtype, ['rows', ...shape.slice(1)]))
  const made = write(g, values, (t, precision) => {
    const weight = g.weight('w', t.shape, precision)
    data.set(weight.id, t.data as Float32Array)
    return weight as never
  })
  made.forEach((value, i) => {
    g.output(`${i}`, value)
  })
  const named = Object.fromEntries(inputs.map((input, i) => [`${i}`, input]))
  return Object.values(interpret(g.build(), ({ id }) => data.get(id)!, named, state))
}

function expectClose(actual: Tensor, expected: Tensor): void {
  expect(actual.dtype).toBe(expected.dtype)
  expect(actual.shape).toEqual(expected.shape)
  expect(actual.data.length).toBe(expected.data.length)
  expected.data.forEach((value, i) => {
    expect(Number(actual.data[i])).toBeCloseTo(Number(value), 5)
  })
}

describe('values worked out by hand', () => {
  test('linear: each output is a row of the weight times the input, plus the bias', () => {
    const x = f32([2, 2], 1, 2, 3, 4)
    const [plain, biased] = results([x], (g, [v], weight) => {
      const w = weight(f32([3, 2], 1, 0, 0, 10, 1, -1))
      return [g.linear(v, w), g.linear(v, w, weight(f32([3], 100, 200, 300)))]
    })
    expectClose(plain, f32([2, 3], 1, 20, -1, 3, 40, -1))
    expectClose(biased, f32([2, 3], 101, 220, 299, 103, 240, 299))
  })

  test('linear in int8: weights are rounded to 127 steps per output, inputs to 127 steps per row', () => {
    // Scales are 1 and 0.5 for the weight's rows, 1 and 2 for the input's.
    const x = f32([2, 2], 127, 30.4, 61, -254)
    const [y] = results([x], (g, [v], weight) => [g.linear(v, weight(f32([2, 2], 127, -50.2, 10.1, 63.5), 'int8'))])
    expectClose(
      y,
      f32(
        [2, 2],
        127 * 127 - 50 * 30,
        0.5 * (20 * 127 + 127 * 30),
        2 * (127 * 30 + 50 * 127), // 61 / 2 = 30.5 rounds to the even 30
        2 * 0.5 * (20 * 30 - 127 * 127),
      ),
    )
  })

  test('linear in int4: weights are rounded to 16 steps per group of 128 inputs', () => {
    // The groups' scales are 1 and -2: 3.4 and 2.6 both become 3, and what they lose and win evens out.
    const row = (...first: number[]) => [...first, ...new Array(128 - first.length).fill(0)]
    const x = f32([1, 129], ...row(127, 30.4, 10), 1)
    const [y] = results([x], (g, [v], weight) => [g.linear(v, weight(f32([1, 129], ...row(-8, 3.4, 2.6), 16), 'int4'))])
    expectClose(y, f32([1, 1], -8 * 127 + 3 * 30 + 3 * 10 + 16 * 1))
  })

  test('rmsNorm: divided by the root of the mean square, times the gain', () => {
    const x = f32([2, 2], 3, 4, -1, 1)
    const [y] = results([x], (g, [v], weight) => [g.rmsNorm(v, weight(f32([2], 1, 10)), 0.5)])
    expectClose(y, f32([2, 2], 3 / Math.sqrt(13), 40 / Math.sqrt(13), -1 / Math.sqrt(1.5), 10 / Math.sqrt(1.5)))
  })

  test('rmsNorm of heads: each head by itself', () => {
    const x = f32([1, 2, 2], 3, 4, 30, 40)
    const [y] = results([x], (g, [v], weight) => [g.rmsNorm(v, weight(f32([2], 1, 1)), 0)])
    const unit = [3 / Math.sqrt(12.5), 4 / Math.sqrt(12.5)]
    expectClose(y, f32([1, 2, 2], ...unit, ...unit))
  })

  test('rope: dimensions i and i + half turn together, by position times frequency', () => {
    // A quarter turn per position for the first pair, half a turn for the second.
    const frequencies = Float64Array.of(Math.PI / 2, Math.PI)
    const x = f32([2, 2, 4], 1, 2, 0, 0, 0, 0, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8)
    const [y] = results([x, i32(1, 4)], (g, [v, p]) => [g.rope(v, p, { frequencies, scale: 10 })])
    // (1, 0) turns to (0, 1) and (2, 0) to (-2, 0); (0, 1) to (-1, 0) and (0, 2) to (0, -2); four positions on, all is as before.
    expectClose(y, f32([2, 2, 4], 0, -20, 10, 0, -10, 0, 0, -20, 10, 20, 30, 40, 50, 60, 70, 80))
  })

  test('siluMul: gate times its sigmoid times up', () => {
    const x = Math.log(3) // sigmoid 3/4
    const [y] = results([f32([1, 3], 0, x, -x), f32([1, 3], 5, 2, 4)], (g, [a, b]) => [g.siluMul(a, b)])
    expectClose(y, f32([1, 3], 0, 1.5 * x, -x))
  })

  test('silu: a value times its sigmoid', () => {
    const x = Math.log(3)
    const [y] = results([f32([1, 3], 0, x, -x)], (g, [a]) => [g.silu(a)])
    expectClose(y, f32([1, 3], 0, 0.75 * x, -0.25 * x))
  })

  test('add, split and reshape', () => {
    const [sum, left, right, folded] = results(
      [f32([2, 3], 1, 2, 3, 4, 5, 6), f32([2, 3], 10, 20, 30, 40, 50, 60)],
      (g, [a, b]) => [g.add(a, b), ...g.split(a, [1, 2]), g.reshape(a, ['rows', 3, 1])],
    )
    expectClose(sum, f32([2, 3], 11, 22, 33, 44, 55, 66))
    expectClose(left, f32([2, 1], 1, 4))
    expectClose(right, f32([2, 2], 2, 3, 5, 6))
    expectClose(folded, f32([2, 3, 1], 1, 2, 3, 4, 5, 6))
  })

  test('argmax and topK: larger first, of equals the lower index', () => {
    const [best, values, indices] = results([f32([2, 4], 1, 7, 0, 7, 5, 5, 9, -1)], (g, [x]) => {
      const top = g.topK(x, 3)
      return [g.argmax(x), top.values, top.indices]
    })
    expectClose(best, i32(1, 2))
    expectClose(values, f32([2, 3], 7, 7, 1, 9, 5, 5))
    expectClose(indices, tensor('i32', [2, 3], Int32Array.of(1, 3, 0, 2, 0, 1)))
  })

  test('softmax and logSoftmax, also where exponentials would overflow', () => {
    const [p, logP] = results([f32([2, 2], Math.log(1), Math.log(3), 1000, 1000)], (g, [x]) => [
      g.softmax(x),
      g.logSoftmax(x),
    ])
    expectClose(p, f32([2, 2], 0.25, 0.75, 0.5, 0.5))
    expectClose(logP, f32([2, 2], Math.log(0.25), Math.log(0.75), Math.log(0.5), Math.log(0.5)))
  })
})

describe('attention', () => {
  const attention = (
    [q, k, v]: readonly Tensor[],
    attributes: { window?: number; scale?: number },
    parents: number[],
    past: RowKeysAndValues = { keys: [], values: [] },
  ) => {
    const state: InterpreterState = { past: [past], parents, fresh: [] }
    const [y] = results(
      [q, k, v],
      (g, [a, b, c]) => [g.attention(a, b, c, { cache: 0, scale: 1, window: null, ...attributes })],
      state,
    )
    return { y, fresh: state.fresh[0] }
  }

  // With equal scores a row's output is the mean of the values it sees; no two sets of these values have one sum.
  const past = { keys: [Float32Array.of(0), Float32Array.of(0)], values: [Float32Array.of(1), Float32Array.of(2)] }
  const rows = [
    f32([6, 1, 1], 0, 0, 0, 0, 0, 0),
    f32([6, 1, 1], 0, 0, 0, 0, 0, 0),
    f32([6, 1, 1], 4, 8, 16, 32, 64, 128),
  ]
  const parents = [-1, 0, 0, 2, 1, -1]

  test('a row sees the cache, its ancestors and itself, and no sibling', () => {
    const { y } = attention(rows, {}, parents, past)
    const base = 1 + 2 + 4
    expectClose(y, f32([6, 1], base / 3, (base + 8) / 4, (base + 16) / 4, (base + 48) / 5, (base + 72) / 5, 131 / 3))
  })

  test('with a window it sees that many of the newest of these, itself included', () => {
    const { y } = attention(rows, { window: 3 }, parents, past)
    const [first, left, right, belowRight, belowLeft, other] = [1 + 2 + 4, 2 + 4 + 8, 2 + 4 + 16, 52, 76, 1 + 2 + 128]
    expectClose(y, f32([6, 1], first / 3, left / 3, right / 3, belowRight / 3, belowLeft / 3, other / 3))
    expectClose(attention(rows, { window: 1 }, parents, past).y, f32([6, 1], 4, 8, 16, 32, 64, 128))
  })

  test('values are weighed by the softmax of scaled products', () => {
    // Scores 0.5 * 2 * (0, ln 3): weights 1/4 and 3/4.
    const past = { keys: [Float32Array.of(0, 9)], values: [Float32Array.of(100, 0)] }
    const row = [f32([1, 1, 2], 2, 0), f32([1, 1, 2], Math.log(3), 7), f32([1, 1, 2], 0, 1000)]
    expectClose(attention(row, { scale: 0.5 }, [-1], past).y, f32([1, 2], 25, 750))
  })

  test('neighbouring query heads share a key head', () => {
    const zero = (heads: number) => f32([1, heads, 1], ...new Array(heads).fill(0))
    const { y } = attention([zero(6), zero(2), f32([1, 2, 1], 5, 7)], {}, [-1])
    expectClose(y, f32([1, 6], 5, 5, 5, 7, 7, 7))
  })

  test('leaves the keys and values of its rows, and the cache as it was', () => {
    const k = f32([2, 2, 1], 1, 2, 3, 4)
    const v = f32([2, 2, 1], 5, 6, 7, 8)
    const past = { keys: [Float32Array.of(9, 9)], values: [Float32Array.of(9, 9)] }
    const { fresh } = attention([k, k, v], {}, [-1, 0], past)
    expect(fresh.keys.map((row) => [...row])).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(fresh.values.map((row) => [...row])).toEqual([
      [5, 6],
      [7, 8],
    ])
    expect([past.keys.length, past.values.length]).toEqual([1, 1])
  })
})

describe('inputs are bound by name', () => {
  function twoInputs() {
    const g = new GraphBuilder()
    g.output('y', g.add(g.input('a', 'f32', ['rows', 2]), g.input('b', 'f32', ['rows', 2])))
    return (inputs: Record<string, Tensor>) => interpret(g.build(), () => new Float32Array(), inputs, noCache)
  }
  const a = f32([1, 2], 1, 2)

  test('the symbolic size is that of the inputs', () => {
    expectClose(twoInputs()({ a, b: a }).y, f32([1, 2], 2, 4))
  })

  test('a missing input is an error of code argument that names it', () => {
    expect(() => twoInputs()({ a })).toThrow(
      expect.objectContaining({ code: 'argument', message: 'the graph needs an input "b"' }),
    )
  })

  test.each<[string, Tensor, RegExp]>([
    ['another size', f32([1, 3], 1, 2, 3), /input "b" is f32 \[1,3\], the graph expects f32 \[rows,2\]/],
    ['another rank', f32([2], 1, 2), /input "b" is f32 \[2\]/],
    ['another number of rows than an input before', f32([2, 2], 1, 2, 3, 4), /input "b" is f32 \[2,2\]/],
    ['another type', tensor('i32', [1, 2], Int32Array.of(1, 2)), /input "b" is i32 \[1,2\], the graph expects f32/],
  ])('an input of %s is an error of code shape that names it', (_, b, message) => {
    expect(() => twoInputs()({ a, b })).toThrow(
      expect.objectContaining({ code: 'shape', message: expect.stringMatching(message) }),
    )
  })
})
