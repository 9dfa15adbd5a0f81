import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Precision } from '../graph/index.ts'
import { chooseExecutor, onnxExecutor, referenceExecutor } from '../runtime/index.ts'
import { loadTargetModel } from './load.ts'
import type { Rows, Target } from './target.ts'
import { tinyModel, tinyVariants } from './tiny.ts'

/** The native one where it was built. */
const fastest = chooseExecutor({ threads: 1 }).executor
const sides = [
  { name: 'reference', executor: referenceExecutor, exact: true },
  { name: 'onnx', executor: onnxExecutor({ threads: 1 }), exact: false },
  ...(fastest.name === 'native' ? [{ name: 'native', executor: fastest, exact: true }] : []),
]
const precisions: readonly Precision[] = ['f32', 'int8', 'int4']
const cases = sides
  .flatMap((side) => precisions.map((dtype) => ({ ...side, dtype })))
  // A last bit may lie on the edge between two steps of an activation, where its row is then another.
  .filter(({ exact, dtype }) => exact || dtype === 'f32')

const chainOf = (tokens: readonly number[]): Rows => ({
  tokens: Int32Array.from(tokens),
  parents: Int32Array.from(tokens, (_, i) => i - 1),
})

async function append(target: Target, tokens: readonly number[]): Promise<void> {
  if (tokens.length === 0) return
  await target.forward(chainOf(tokens), {})
  target.commit(tokens.map((_, i) => i))
}

function expectSame(actual: Float32Array, expected: Float32Array, exact: boolean): void {
  expect(actual.length).toBe(expected.length)
  if (exact) expect(actual).toEqual(expected)
  else actual.forEach((value, i) => void expect(Math.abs(value - expected[i])).toBeLessThan(1e-4))
}

/** The rows by depth, and how many there are of each. */
function levels(parents: Int32Array): { order: number[]; sizes: number[] } {
  const depths: number[] = []
  for (const parent of parents) depths.push(parent < 0 ? 0 : depths[parent] + 1)
  const order = [...parents.keys()].sort((a, b) => depths[a] - depths[b] || a - b)
  return {
    order,
    sizes: [...new Set(order.map((row) => depths[row]))].map((d) => depths.filter((e) => e === d).length),
  }
}

describe.each(cases)('rows held between passes: $name, $dtype', ({ executor, exact, dtype }) => {
  test.each([
    'key heads shared by two query heads',
    'linear rope',
    'a sliding window in one layer',
  ])('a tree grown level by level equals it in one pass, and a commit through the levels a prefill: %s', async (variant) => {
    const { spec, source } = tinyModel(tinyVariants[variant])
    const model = await loadTargetModel(spec, source, { executor, dtype })
    const [hidden, vocab] = [spec.hiddenSize, spec.vocabSize]
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(63), { maxLength: 6 }),
        fc.array(fc.tuple(fc.nat(63), fc.nat(1000)), { minLength: 2, maxLength: 9 }),
        fc.nat(1000),
        async (prompt, seeds, commit) => {
          const unordered = Int32Array.from(seeds, ([, parent], row) => (parent % (row + 1)) - 1)
          const { order, sizes } = levels(unordered)
          const tokens = Int32Array.from(order, (row) => seeds[row][0])
          const parents = Int32Array.from(order, (row) => order.indexOf(unordered[row]))
          const target = model.createTarget()
          await append(target, prompt)
          const whole = await target.forward({ tokens, parents }, { head: 'logits', features: true })
          let held = 0
          for (const size of sizes) {
            const [from, to] = [held, held + size]
            const rows = { tokens: tokens.slice(from, to), parents: parents.slice(from, to), held }
            // The head counts rows of the pass: here on its last alone.
            const { logits, features } = await target.forward(rows, {
              head: 'logits',
              headRows: [size - 1],
              features: true,
            })
            expectSame(features!, whole.features!.slice(from * hidden, to * hidden), exact)
            expectSame(logits!, whole.logits!.slice((to - 1) * vocab, to * vocab), exact)
            held = to
          }
          const path: number[] = []
          for (let row = commit % tokens.length; row >= 0; row = parents[row]) path.unshift(row)
          target.commit(path)
          const prefilled = model.createTarget()
          await append(prefilled, [...prompt, ...path.map((row) => tokens[row])])
          expect(target.length).toBe(prefilled.length)
          const [next, expected] = await Promise.all(
            [target, prefilled].map((each) => each.forward(chainOf([7]), { head: 'logits' })),
          )
          expectSame(next.logits!, expected.logits!, exact)
          target.dispose()
          prefilled.dispose()
        },
      ),
      { seed: 1, numRuns: 6 },
    )
    await model.dispose()
  })
})

test.each(sides)('$name: a pass refuses to hold rows that are not there, and forgets none of those that are', async ({
  executor,
}) => {
  const { spec, source } = tinyModel({})
  const model = await loadTargetModel(spec, source, { executor, dtype: 'f32' })
  const target = model.createTarget(6)
  const pass = (held: number, ...parents: number[]) =>
    target.forward({ tokens: new Int32Array(parents.length), parents: Int32Array.from(parents), held }, {})
  await append(target, [1, 2])
  await expect(pass(1, -1)).rejects.toMatchObject({
    code: 'argument',
    message: expect.stringMatching(/held: expected 0 to 0/),
  })
  await pass(0, -1, 0)
  for (const held of [3, -1, 0.5])
    await expect(pass(held, -1)).rejects.toMatchObject({
      code: 'argument',
      message: expect.stringMatching(/held: expected/),
    })
  await expect(pass(2, 1, 2, 3)).rejects.toMatchObject({ code: 'context' })
  await pass(2, 1, 2)
  target.commit([0, 1, 2, 3])
  expect(target.length).toBe(6)
  await model.dispose()
})
