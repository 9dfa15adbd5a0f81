import { describe, expect, test } from 'vitest'
import { describeCheckpoint } from '../checkpoint/index.ts'
import { chooseExecutor, onnxExecutor, referenceExecutor } from '../runtime/index.ts'
import { loadTargetModel } from './load.ts'
import { tinyModel } from './tiny.ts'

const executors = [referenceExecutor, onnxExecutor({ threads: 1 })]
const onnx = executors[1]
const chosen = chooseExecutor({ threads: 1 }).executor
const native = chosen.name === 'native' ? chosen : undefined

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
    (['f32', 'int8', 'int4-pure'] as const).map(async (dtype) => {
      const model = await loadTargetModel(spec, source, { executor: onnx, dtype })
      await model.dispose()
      return model.streamedBytes
    }),
  )
  expect(int8 / f32).toBeCloseTo(1 / 4, 1)
  expect(int4 / f32).toBeCloseTo(1 / 8, 1)
})

test.skipIf(!native)(
  'a summary foretells the bytes that a pass reads, whatever the recipe keeps at 8 bits',
  async () => {
    for (const keep8 of [[], ['*.self_attn.*', 'lm_head.weight'], ['*.v_proj.weight', 'model.layers.1.*']]) {
      const sizes = { hiddenSize: 128, intermediateSize: 256, headDim: 32 }
      const { spec, source } = tinyModel({ ...sizes, recipe: { keep8 } })
      const model = await loadTargetModel(spec, source, { executor: native!, dtype: 'int4' })
      const foretold = describeCheckpoint(spec, source).streamedBytes.int4
      await model.dispose()
      // Kernels pad outputs and keep sums beside the weights.
      expect(model.streamedBytes / foretold).toBeGreaterThan(0.99)
      expect(model.streamedBytes / foretold).toBeLessThan(1.06)
    }
  },
)
