import { beforeAll, describe, expect, test } from 'vitest'
import { loadTargetModel, type TargetModel } from '../model/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { onnxExecutor } from '../runtime/index.ts'
import { type Accuracy, measureAccuracy } from './accuracy.ts'

const { spec, source } = tinyModel({ contextLength: 48 })
const executor = onnxExecutor({ threads: 1 })
let [exact, int8, int4]: TargetModel[] = []
beforeAll(async () => {
  const load = (dtype: 'f32' | 'int8' | 'int4-pure') => loadTargetModel(spec, source, { executor, dtype })
  ;[exact, int8, int4] = [await load('f32'), await load('int8'), await load('int4-pure')]
})

const bos = 1
/** BOS, then tokens without order. */
const textOf = (length: number) => [bos, ...Array.from({ length: length - 1 }, (_, i) => (i * i * 7 + 3 * i) % 61)]
const measure = async (model: TargetModel, text: readonly number[], options = {}): Promise<Accuracy> =>
  (await measureAccuracy({ exact, rounded: [model], texts: [text], ...options }))[0]

/** Logits of all positions of one text in one pass, as probabilities in f64. */
async function probabilities(model: TargetModel, text: readonly number[]): Promise<number[][]> {
  const target = model.createTarget()
  const rows = { tokens: Int32Array.from(text), parents: Int32Array.from(text, (_, i) => i - 1) }
  const logits = (await target.forward(rows, { head: 'logits' })).logits!
  return text.map((_, row) => {
    const exps = [...logits.subarray(row * spec.vocabSize, (row + 1) * spec.vocabSize)].map(Math.exp)
    const sum = exps.reduce((a, b) => a + b)
    return exps.map((value) => value / sum)
  })
}

const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length

describe('accuracy of a model against itself in f32', () => {
  test('nothing differs where nothing is rounded', async () => {
    const { top1, meanKl, perplexity, perplexityF32, positions } = await measure(exact, textOf(40))
    expect({ top1, positions }).toEqual({ top1: 1, positions: 39 })
    expect(meanKl).toBe(0)
    expect(perplexity).toBe(perplexityF32)
  })

  test('the numbers are those of their definitions', async () => {
    const text = textOf(30)
    const [p, q] = [await probabilities(exact, text), await probabilities(int4, text)].map((rows) => rows.slice(0, -1))
    const kls = p.map((row, i) => row.reduce((sum, x, id) => sum + x * Math.log(x / q[i][id]), 0))
    const top = (row: number[]) => row.indexOf(Math.max(...row))
    const loss = (rows: number[][]) => mean(rows.map((row, i) => -Math.log(row[text[i + 1]])))
    const measured = await measure(int4, text)
    expect(measured).toMatchObject({ dtype: 'int4-pure', positions: 29, streamedBytes: int4.streamedBytes })
    expect(measured.top1).toBeCloseTo(mean(p.map((row, i) => Number(top(row) === top(q[i])))), 10)
    expect(measured.meanKl).toBeCloseTo(mean(kls), 5)
    expect(Math.log(measured.perplexity)).toBeCloseTo(loss(q), 4)
    expect(Math.log(measured.perplexityF32)).toBeCloseTo(loss(p), 4)
    expect(measured.worst.kl).toBeCloseTo(Math.max(...kls), 4)
    expect(measured.worst.token).toBe(kls.indexOf(Math.max(...kls)) + 1)
  })

  test('more bits are nearer, and models are measured side by side', async () => {
    const texts = [textOf(40), textOf(20).map((id) => (id + 5) % 61)]
    const [eight, four] = await measureAccuracy({ exact, rounded: [int8, int4], texts })
    expect(eight.positions).toBe(39 + 19)
    expect(eight.meanKl).toBeGreaterThan(0)
    expect(eight.meanKl).toBeLessThan(four.meanKl / 10)
    expect(eight.perplexityF32).toBe(four.perplexityF32)
  })

  test('a text longer than the context is cut into windows that each begin with BOS', async () => {
    const text = textOf(100)
    const long = await measure(int4, text, { bosTokenId: bos })
    // 48 tokens, then BOS and 47, then BOS and 5: the first token of each window is seen only.
    expect(long.positions).toBe(47 + 47 + 5)
    const parts = [text.slice(0, 48), [bos, ...text.slice(48, 95)], [bos, ...text.slice(95)]]
    const apart = (await measureAccuracy({ exact, rounded: [int4], texts: parts }))[0]
    expect(long.meanKl).toBe(apart.meanKl)
    expect(long.perplexity).toBe(apart.perplexity)
    const offset = [0, 47, 94][apart.worst.text]
    expect(long.worst).toEqual({ text: 0, token: apart.worst.token + offset, kl: apart.worst.kl })
  })

  test('a shorter window sees less, and a tokenizer without BOS gets none', async () => {
    expect((await measure(int8, textOf(41), { window: 8 })).positions).toBe(5 * 7)
  })

  test('a long window is fed in blocks, which changes nothing but the last bits', async () => {
    const large = tinyModel({ contextLength: 400 })
    const models = await Promise.all(
      (['f32', 'int8'] as const).map((dtype) => loadTargetModel(large.spec, large.source, { executor, dtype })),
    )
    const text = textOf(300)
    const [measured] = await measureAccuracy({ exact: models[0], rounded: [models[1]], texts: [text] })
    const [p, q] = await Promise.all(models.map((model) => probabilities(model, text)))
    const kls = p.slice(0, -1).map((row, i) => row.reduce((sum, x, id) => sum + x * Math.log(x / q[i][id]), 0))
    expect(measured.positions).toBe(299)
    expect(measured.meanKl).toBeCloseTo(mean(kls), 4)
    await Promise.all(models.map((model) => model.dispose()))
  })

  test('progress rises to 1', async () => {
    const shares: number[] = []
    await measure(int8, textOf(100), { onProgress: (share: number) => shares.push(share) })
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
  })

  test('a text that predicts nothing is refused, and so is a window that does', async () => {
    for (const texts of [[], [[]], [[bos]]])
      await expect(measureAccuracy({ exact, rounded: [int8], texts })).rejects.toMatchObject({
        code: 'argument',
        message: expect.stringContaining('too short'),
      })
    await expect(measure(int8, textOf(9), { window: 1 })).rejects.toMatchObject({ code: 'argument' })
  })

  test('measuring can be stopped; the reason is thrown', async () => {
    const reason = new Error('enough')
    await expect(measure(int8, textOf(9), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})
