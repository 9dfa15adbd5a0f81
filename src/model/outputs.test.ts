import { describe, expect, test } from 'vitest'
import type { ModelSpec } from '../checkpoint/index.ts'
import { chooseExecutor, onnxExecutor, referenceExecutor } from '../runtime/index.ts'
import { loadTargetModel } from './load.ts'
import type { Rows } from './target.ts'
import { tinyModel } from './tiny.ts'

/** The native one where it was built. */
const fastest = chooseExecutor({ threads: 1 }).executor
const executors = [referenceExecutor, onnxExecutor({ threads: 1 }), ...(fastest.name === 'native' ? [fastest] : [])]
const [vocabSize, hiddenSize] = [64, 32]

function load(fields: Partial<ModelSpec>, executor: (typeof executors)[number]) {
  const { spec, source } = tinyModel(fields)
  return loadTargetModel(spec, source, { executor, dtype: 'f32' })
}

const rowOf = (values: Float32Array, row: number, size: number) => values.subarray(row * size, (row + 1) * size)

function expectClose(actual: Float32Array, expected: Float32Array, tolerance = 1e-4): void {
  expect(actual.length).toBe(expected.length)
  expect(actual.reduce((max, v, i) => Math.max(max, Math.abs(v - expected[i])), 0)).toBeLessThan(tolerance)
}

describe.each(executors)('what leaves a pass ($name)', (executor) => {
  const rows: Rows = { tokens: Int32Array.of(3, 14, 15, 9, 2), parents: Int32Array.of(-1, 0, 0, 2, 1) }

  test('is what was asked for and nothing else', async () => {
    const { spec, source } = tinyModel()
    const model = await loadTargetModel(spec, source, { executor, dtype: 'f32', taps: [1, 0] })
    const target = model.createTarget()
    expect(Object.keys(await target.forward(rows, {}))).toEqual([])
    const all = await target.forward(rows, { head: 'logits', features: true, taps: [0, 1] })
    expect(all.logits!.length).toBe(5 * vocabSize)
    expect(all.features!.length).toBe(5 * hiddenSize)
    expect(all.taps!.map(({ length }) => length)).toEqual([5 * hiddenSize, 5 * hiddenSize])
    expect(Object.keys(await target.forward(rows, { head: 'argmax' }))).toEqual(['argmax'])
    expect((await target.forward(rows, { taps: [1] })).taps).toEqual([all.taps![1]])
    await model.dispose()
  })

  test('argmax is the likeliest token of each row', async () => {
    const model = await load({}, executor)
    const target = model.createTarget()
    const { logits } = await target.forward(rows, { head: 'logits' })
    const { argmax } = await target.forward(rows, { head: 'argmax' })
    expect([...argmax!]).toEqual(
      [0, 1, 2, 3, 4].map((row) => {
        const own = rowOf(logits!, row, vocabSize)
        return own.indexOf(Math.max(...own))
      }),
    )
    await model.dispose()
  })

  test('the head runs on the rows named, in their order', async () => {
    const model = await load({}, executor)
    const target = model.createTarget()
    const all = (await target.forward(rows, { head: 'logits' })).logits!
    const picked = await target.forward(rows, { head: 'logits', headRows: [4, 1], features: true })
    expect(picked.logits!.length).toBe(2 * vocabSize)
    expectClose(rowOf(picked.logits!, 0, vocabSize), rowOf(all, 4, vocabSize), 1e-5)
    expectClose(rowOf(picked.logits!, 1, vocabSize), rowOf(all, 1, vocabSize), 1e-5)
    expect(picked.features!.length).toBe(5 * hiddenSize)
    const { argmax } = await target.forward(rows, { head: 'argmax', headRows: [3] })
    expect(argmax!.length).toBe(1)
    await model.dispose()
  })

  test('logits are the head weight times the features, and features the normed last tap', async () => {
    const { spec, source, tensors } = tinyModel()
    const model = await loadTargetModel(spec, source, { executor, dtype: 'f32', taps: [1] })
    const { logits, features, taps } = await model
      .createTarget()
      .forward(rows, { head: 'logits', features: true, taps: [1] })
    const gain = tensors['model.norm.weight'].data
    const head = tensors['lm_head.weight'].data
    for (let row = 0; row < rows.tokens.length; row++) {
      const tap = rowOf(taps![0], row, hiddenSize)
      const rms = Math.sqrt(tap.reduce((sum, v) => sum + v * v, 0) / hiddenSize + spec.normEps)
      const feature = rowOf(features!, row, hiddenSize)
      expectClose(
        feature,
        tap.map((v, i) => (v / rms) * gain[i]),
        1e-5,
      )
      const expected = Float32Array.from({ length: vocabSize }, (_, n) =>
        feature.reduce((sum, v, i) => sum + v * head[n * hiddenSize + i], 0),
      )
      expectClose(rowOf(logits!, row, vocabSize), expected)
    }
    await model.dispose()
  })

  test('a tap is the hidden state after its layer: what a model of so many layers ends with', async () => {
    const whole = tinyModel({ layerCount: 3 })
    const taps = { executor, dtype: 'f32' as const, taps: [1] }
    const model = await loadTargetModel(whole.spec, whole.source, taps)
    const shorter = await loadTargetModel({ ...whole.spec, layerCount: 2, windows: [null, null] }, whole.source, taps)
    const [a, b] = await Promise.all([model, shorter].map((m) => m.createTarget().forward(rows, { taps: [1] })))
    expectClose(a.taps![0], b.taps![0], 1e-5)
    await model.dispose()
    await shorter.dispose()
  })

  test('a layer that was not tapped, or a row that is not there, is an error of code argument', async () => {
    const { spec, source } = tinyModel()
    const model = await loadTargetModel(spec, source, { executor, dtype: 'f32', taps: [0] })
    const target = model.createTarget()
    await expect(target.forward(rows, { taps: [0, 1] })).rejects.toMatchObject({
      code: 'argument',
      message: 'layer 1 cannot be tapped, the model was loaded with taps of [0]',
    })
    for (const row of [5, -1, 0.5])
      await expect(target.forward(rows, { head: 'argmax', headRows: [0, row] })).rejects.toMatchObject({
        code: 'argument',
        message: `the head cannot run on row ${row} of 5`,
      })
    await model.dispose()
  })

  test('rows that make no sense are errors that say why', async () => {
    const model = await load({}, executor)
    const target = model.createTarget(4)
    const pass = (tokens: number[], parents: number[]) =>
      target.forward({ tokens: Int32Array.from(tokens), parents: Int32Array.from(parents) }, { head: 'argmax' })
    const cases: [Promise<unknown>, string, RegExp][] = [
      [pass([], []), 'argument', /at least one/],
      [pass([1, 2], [-1]), 'argument', /as many parents \(1\) as tokens \(2\)/],
      [pass([1, 64], [-1, 0]), 'argument', /token id 64 is not in the vocabulary of 64/],
      [pass([-1], [-1]), 'argument', /token id -1/],
      [pass([1, 2], [-1, 1]), 'argument', /row 1 has parent 1/],
      [pass([1, 2], [-1, -2]), 'argument', /row 1 has parent -2/],
      [pass([1, 2, 3, 4, 5], [-1, 0, 1, 2, 3]), 'context', /5 rows after 0 positions do not fit a cache of 4/],
    ]
    for (const [run, code, message] of cases)
      await expect(run).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect((await pass([1, 2], [-1, 0])).argmax!.length).toBe(2)
    await model.dispose()
  })
})
