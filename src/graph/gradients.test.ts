import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { elementCount, type Tensor, tensor } from '../tensor/index.ts'
import { GraphBuilder } from './builder.ts'
import { differentiate } from './differentiate.ts'
import { interpret } from './interpret.ts'
import { noise } from './noise.ts'
import type { Value } from './types.ts'

/** Operands by name; those of f32 are differentiated. */
type Operands = Record<string, Tensor>

const f32 = (shape: number[], seed: number, stretch = 1) =>
  tensor(
    'f32',
    shape,
    noise(elementCount(shape), seed).map((v) => v * stretch),
  )
const ids = (count: number, below: number, seed: number) =>
  tensor(
    'i32',
    [count],
    Int32Array.from(noise(count, seed), (v) => Math.floor(((v + 1) / 2) * below)),
  )

/**
 * Compares the gradients of a random weighted sum of what `write` returns with central differences. Interpreter results
 * are rounded to f32 (6e-8 of values near 1), so a step of 1/64 leaves an error near 1e-5, and terms of third order
 * about 1e-4: far below what a wrong rule makes.
 */
function expectGradients(
  operands: Operands,
  write: (g: GraphBuilder, values: Record<string, Value>) => Value[],
  parents: number[] = [],
  ridersFrom = parents.length,
): void {
  const g = new GraphBuilder()
  const values = Object.fromEntries(
    Object.entries(operands).map(([name, { dtype, shape }]) => [name, g.input(name, dtype, shape)]),
  )
  const results = write(g, values)
  const mixes = results.map(({ shape }, i) => f32(shape as number[], 900 + i))
  const losses = results.map((result, i) => g.sum(g.mul(result, g.input(`mix ${i}`, 'f32', result.shape))))
  const names = Object.keys(operands).filter((name) => operands[name].dtype === 'f32')
  const gradients = differentiate(
    g,
    losses.reduce((a, b) => g.add(a, b)),
    names.map((name) => values[name]),
  )
  results.forEach((result, i) => {
    g.output(`result ${i}`, result)
  })
  names.forEach((name, i) => {
    g.output(`d ${name}`, gradients[i])
  })
  const graph = g.build()
  const run = (given: Operands) =>
    interpret(
      graph,
      () => new Float32Array(0),
      { ...given, ...Object.fromEntries(mixes.map((mix, i) => [`mix ${i}`, mix])) },
      { past: [], parents, fresh: [], isRider: (row) => row >= ridersFrom },
    )
  const lossAt = (given: Operands) => {
    const out = run(given)
    let total = 0
    mixes.forEach(({ data }, i) => {
      data.forEach((weight, j) => {
        total += weight * Number(out[`result ${i}`].data[j])
      })
    })
    return total
  }
  const step = 1 / 64
  const found = run(operands)
  for (const name of names) {
    const { shape, data } = operands[name] as Tensor<'f32'>
    expect(found[`d ${name}`].shape).toEqual(shape)
    for (let i = 0; i < data.length; i += Math.max(1, data.length >> 4)) {
      const moved = (by: number) => {
        const copy = data.slice()
        copy[i] += by
        return { ...operands, [name]: tensor('f32', shape, copy) }
      }
      const slope = (lossAt(moved(step)) - lossAt(moved(-step))) / (2 * step)
      const gradient = Number(found[`d ${name}`].data[i])
      expect(Math.abs(gradient - slope), `d ${name}[${i}]: ${gradient}, slope ${slope}`).toBeLessThan(
        2e-3 * Math.max(1, Math.abs(slope)),
      )
    }
  }
}

const seed = fc.nat(1000)
const rows = fc.constantFrom(1, 2, 5)
const width = fc.constantFrom(1, 4, 7)
const runs = { numRuns: 8, seed: 1 }
const check = (property: fc.IProperty<never>) => fc.assert(property as never, runs)

describe('the gradient equals the slope of the loss', () => {
  test('linear, with and without bias', () => {
    check(
      fc.property(rows, width, width, fc.boolean(), seed, (t, k, n, biased, s) => {
        expectGradients(
          { x: f32([t, k], s), w: f32([n, k], s + 1), ...(biased && { b: f32([n], s + 2) }) },
          (g, { x, w, b }) => [g.linear(x, w, b)],
        )
      }) as never,
    )
  })

  test('rmsNorm, over rows and over heads', () => {
    check(
      fc.property(rows, fc.constantFrom(2, 7), seed, (t, d, s) => {
        const gain = f32([d], s + 1)
        // Of a vector near zero the norm bends too sharply for finite differences.
        expectGradients({ x: f32([t, d], s, 3), gain }, (g, { x, gain: w }) => [g.rmsNorm(x, w, 0.5)])
        expectGradients({ x: f32([t, 3, d], s, 3), gain }, (g, { x, gain: w }) => [g.rmsNorm(x, w, 0.5)])
      }) as never,
    )
  })

  test('rope', () => {
    check(
      fc.property(rows, seed, (t, s) => {
        const rotation = { frequencies: Float64Array.of(1, 0.3, 0.01), scale: 1.5 }
        expectGradients({ x: f32([t, 2, 6], s), positions: ids(t, 50, s) }, (g, { x, positions }) => [
          g.rope(x, positions, rotation),
        ])
      }) as never,
    )
  })

  test('softCrossEntropy, in logits and probabilities', () => {
    check(
      fc.property(rows, fc.constantFrom(2, 7), seed, (t, n, s) => {
        expectGradients({ logits: f32([t, n], s, 2), p: f32([t, n], s + 1) }, (g, { logits, p }) => [
          g.softCrossEntropy(logits, g.softmax(p)),
        ])
      }) as never,
    )
  })

  test('smoothL1, on both sides of its bend', () => {
    check(
      fc.property(rows, width, seed, (t, n, s) => {
        expectGradients({ a: f32([t, n], s, 2), b: f32([t, n], s + 1, 0.5) }, (g, { a, b }) => [g.smoothL1(a, b)])
      }) as never,
    )
  })

  test('attention with keys and values that only their own row sees', () => {
    check(
      fc.property(
        fc.constantFrom([4, 4], [4, 2]),
        fc.constantFrom(1, 3),
        fc.array(fc.nat(100), { minLength: 1, maxLength: 5 }),
        seed,
        ([heads, kvHeads], pairs, parentSeeds, s) => {
          const parents = parentSeeds.map((p, row) => (p % (row + 1)) - 1)
          const t = parents.length
          const own = Object.fromEntries(
            Array.from({ length: 2 * pairs }, (_, i) => [`own ${i}`, f32([t, kvHeads, 3], s + 10 + i)]),
          )
          expectGradients(
            { q: f32([t, heads, 3], s), k: f32([t, kvHeads, 3], s + 1), v: f32([t, kvHeads, 3], s + 2), ...own },
            (g, { q, k, v, ...own }) => [
              g.attention(q, k, v, { cache: null, scale: 0.7, window: null }, { own: Object.values(own) }),
            ],
            parents,
          )
        },
      ) as never,
    )
  })

  test('attention with a prefix that riders see, alone and beside keys that only their own row sees', () => {
    check(
      fc.property(
        fc.constantFrom([4, 4], [4, 2]),
        fc.constantFrom(null, 2),
        fc.constantFrom(1, 3),
        fc.boolean(),
        fc.array(fc.nat(100), { minLength: 1, maxLength: 5 }),
        fc.nat(5),
        seed,
        ([heads, kvHeads], window, entries, alone, parentSeeds, riders, s) => {
          const parents = parentSeeds.map((p, row) => (p % (row + 1)) - 1)
          const t = parents.length
          const [front, own] = [entries, t].map((rows, part) =>
            Object.fromEntries(
              [0, 1].map((i) => [`${rows}-${part}-${i}`, f32([rows, kvHeads, 3], s + 10 + 2 * part + i)]),
            ),
          )
          expectGradients(
            {
              ...{ q: f32([t, heads, 3], s), k: f32([t, kvHeads, 3], s + 1), v: f32([t, kvHeads, 3], s + 2) },
              ...front,
              ...(alone && own),
            },
            (g, { q, k, v, ...further }) => {
              const [keys, values, ...own] = Object.values(further)
              return [g.attention(q, k, v, { cache: null, scale: 0.7, window }, { prefix: [keys, values], own })]
            },
            parents,
            Math.max(0, t - riders),
          )
        },
      ) as never,
    )
  })

  test('attention of chains and trees, with and without a window, heads shared or not', () => {
    check(
      fc.property(
        fc.constantFrom([4, 4], [4, 2], [3, 1]),
        fc.constantFrom(null, 1, 2),
        fc.array(fc.nat(100), { minLength: 1, maxLength: 6 }),
        seed,
        ([heads, kvHeads], window, parentSeeds, s) => {
          const parents = parentSeeds.map((p, row) => (p % (row + 1)) - 1)
          const t = parents.length
          expectGradients(
            { q: f32([t, heads, 3], s), k: f32([t, kvHeads, 3], s + 1), v: f32([t, kvHeads, 3], s + 2) },
            (g, { q, k, v }) => [g.attention(q, k, v, { cache: null, scale: 0.7, window })],
            parents,
          )
        },
      ) as never,
    )
  })

  test('siluMul, silu, add, mul, scale, split, concat, reshape', () => {
    check(
      fc.property(rows, seed, (t, s) => {
        expectGradients({ a: f32([t, 6], s, 3), b: f32([t, 6], s + 1) }, (g, { a, b }) => {
          const [first, second] = g.split(g.siluMul(a, b), [2, 4])
          const joined = g.concat([second, g.scale(first, -2), first])
          return [joined, g.silu(a), g.mul(a, g.add(a, b)), g.reshape(b, [t, 2, 3])]
        })
      }) as never,
    )
  })

  test('a part of a split that the loss does not need', () => {
    expectGradients({ x: f32([3, 5], 1) }, (g, { x }) => [g.split(x, [2, 1, 2])[1]])
  })

  test('softmax and logSoftmax', () => {
    check(
      fc.property(rows, width, seed, (t, n, s) => {
        expectGradients({ x: f32([t, n], s, 3) }, (g, { x }) => [g.softmax(x), g.logSoftmax(x)])
      }) as never,
    )
  })

  test('cross entropy of the logits', () => {
    check(
      fc.property(rows, width, seed, (t, n, s) => {
        expectGradients({ x: f32([t, n], s, 3), targets: ids(t, n, s) }, (g, { x, targets }) => [
          g.crossEntropy(x, targets),
        ])
      }) as never,
    )
  })

  test('embedding, where ids come twice', () => {
    check(
      fc.property(rows, seed, (t, s) => {
        expectGradients({ table: f32([3, 4], s), ids: ids(t, 3, s) }, (g, { table, ids: i }) => [g.embedding(table, i)])
      }) as never,
    )
  })

  test('rows picked of what was computed, by ids that come twice', () => {
    check(
      fc.property(rows, rows, seed, (t, n, s) => {
        expectGradients({ x: f32([t, 3], s), w: f32([2, 3], s + 1), ids: ids(n, t, s) }, (g, { x, w, ids: i }) => [
          g.embedding(g.linear(x, w), i),
        ])
      }) as never,
    )
  })

  test('sum and broadcast', () => {
    expectGradients({ x: f32([3, 4], 1) }, (g, { x }) => {
      const total = g.sum(x)
      return [total, g.mul(g.apply('broadcast', [total, x], {})[0], x)]
    })
  })

  test('stopGradient: what is behind it counts as a constant', () => {
    const [x, mix] = [f32([2, 3], 1), f32([2, 3], 2)]
    const slopes = (stop: boolean) => {
      const g = new GraphBuilder()
      const [given, weights, fixed] = ['x', 'mix', 'p'].map((name) => g.input(name, 'f32', [2, 3]))
      const p = g.softmax(given)
      const loss = g.sum(g.mul(g.mul(given, stop ? g.stopGradient(p) : fixed), weights))
      const [gradient] = differentiate(g, loss, [given])
      g.output('p', p)
      g.output('gradient', gradient)
      const p0 = tensor('f32', [2, 3], new Float32Array(6))
      const state = { past: [], parents: [], fresh: [], isRider: () => false }
      const run = (p: Tensor) => interpret(g.build(), () => new Float32Array(0), { x, mix, p }, state)
      return run(run(p0).p).gradient.data
    }
    expect(slopes(true)).toEqual(slopes(false))
  })

  test('a loss that depends on a value only through stopGradient does not depend on it', () => {
    const g = new GraphBuilder()
    const x = g.input('x', 'f32', [2, 3])
    expect(() => differentiate(g, g.sum(g.stopGradient(x)), [x])).toThrow(/does not depend/)
  })

  test('a value that is used twice gets the sum', () => {
    expectGradients({ x: f32([2, 3], 1), w: f32([3, 3], 2) }, (g, { x, w }) => {
      const y = g.linear(x, w)
      return [g.linear(g.add(x, y), w)]
    })
  })
})

describe('what has no gradient is refused', () => {
  const builder = () => {
    const g = new GraphBuilder()
    return { g, x: g.input('x', 'f32', ['rows', 4]) }
  }

  test('a loss that depends on a value through top-k', () => {
    const { g, x } = builder()
    const loss = g.sum(g.topK(x, 2).values)
    expect(() => differentiate(g, loss, [x])).toThrow(/"topK", which has no gradient/)
  })

  test('attention over a cache', () => {
    const { g, x } = builder()
    const q = g.reshape(x, ['rows', 1, 4])
    const cache = g.cache({ kvHeads: 1, headDim: 4 })
    const loss = g.sum(g.attention(q, q, q, { cache, scale: 1, window: null }))
    expect(() => differentiate(g, loss, [x])).toThrow(/attention over a cache has no gradient/)
  })

  test('a loss that is no scalar, and one that does not depend on the value', () => {
    const { g, x } = builder()
    const other = g.input('other', 'f32', ['rows', 4])
    expect(() => differentiate(g, x, [x])).toThrow(/expected a scalar/)
    expect(() => differentiate(g, g.sum(x), [other])).toThrow(/does not depend/)
  })

  test('what is frozen costs nothing: no gradient of its weight, none of what lies before it', () => {
    const { g, x } = builder()
    const frozen = g.weight('frozen', [4, 4])
    const trained = g.weight('trained', [4, 4])
    const loss = g.sum(g.linear(g.linear(x, frozen), trained))
    const before = g.nodes.length
    const [gradient] = differentiate(g, loss, [trained])
    expect(gradient.shape).toEqual([4, 4])
    expect(g.nodes.slice(before).filter(({ op }) => op === 'linearWeightGradient')).toHaveLength(1)
  })
})
