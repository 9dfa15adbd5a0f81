import { describe, expect, test } from 'vitest'
import { onnxExecutor, referenceExecutor } from '../runtime/index.ts'
import { loadTargetModel } from './load.ts'
import { tinyModel } from './tiny.ts'

const executors = [referenceExecutor, onnxExecutor({ threads: 1 })]
const onnx = executors[1]

describe.each(executors)('a loaded model ($name)', (executor) => {
  test('says what it is and what it weighs: a pass reads trunk and head, the embedding table lies beside them', async () => {
    const { spec, source, tensors } = tinyModel()
    const model = await loadTargetModel(spec, source, { executor, dtype: 'f32' })
    expect(model).toMatchObject({ spec, dtype: 'f32', executor: executor.name })
    const total = Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0)
    expect(model.weightBytes).toBe(total)
    expect(model.streamedBytes).toBe(total - tensors['model.embed_tokens.weight'].data.byteLength)
    await model.dispose()
  })

  test('loading can be stopped; the reason is thrown', async () => {
    const { spec, source } = tinyModel()
    const reason = new Error('no longer wanted')
    const stopped = loadTargetModel(spec, source, { executor, dtype: 'f32', signal: AbortSignal.abort(reason) })
    await expect(stopped).rejects.toBe(reason)
  })
})

test.each([{}, { tiedEmbeddings: true }])('progress rises to 1 (%o)', async (fields) => {
  const { spec, source } = tinyModel(fields)
  const shares: number[] = []
  const model = await loadTargetModel(spec, source, {
    executor: onnx,
    dtype: 'f32',
    onProgress: (share) => shares.push(share),
  })
  expect(shares.length).toBeGreaterThan(5)
  expect(shares).toEqual([...shares].sort((a, b) => a - b))
  expect(shares[0]).toBeGreaterThan(0)
  expect(shares.at(-1)).toBeCloseTo(1, 10)
  await model.dispose()
})

test('int8 weights take about a quarter of the bytes, int4 with whole groups about an eighth', async () => {
  const { spec, source } = tinyModel({ hiddenSize: 128, intermediateSize: 256, headDim: 32 })
  const [f32, int8, int4] = await Promise.all(
    (['f32', 'int8', 'int4'] as const).map(async (dtype) => {
      const model = await loadTargetModel(spec, source, { executor: onnx, dtype })
      await model.dispose()
      return model.streamedBytes
    }),
  )
  expect(int8 / f32).toBeCloseTo(1 / 4, 1)
  expect(int4 / f32).toBeCloseTo(1 / 8, 1)
})
