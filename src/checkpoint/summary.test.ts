import { expect, test } from 'vitest'
import { randomTensors } from './random.ts'
import { shapeSpec } from './shapes.ts'
import { describeCheckpoint } from './summary.ts'

const summary = (shape: Parameters<typeof shapeSpec>[0]) => {
  const spec = shapeSpec(shape)
  return describeCheckpoint(spec, randomTensors(spec, 1))
}

test('parameters are counted by part, a tied head once', () => {
  expect(summary('llama-1b').parameters).toEqual({
    embedding: 128_256 * 2048,
    attention: 16 * (2 * 2048 * 2048 + 2 * 512 * 2048),
    mlp: 16 * 3 * 8192 * 2048,
    norm: 33 * 2048,
    head: 0,
    total: 1_235_814_400,
  })
})

test('biases count with their layer', () => {
  const plain = summary({}).parameters
  const biased = summary({ qkvBias: true, outputBias: true, mlpBias: true }).parameters
  expect(biased.attention - plain.attention).toBe(2 * (64 + 32 + 32 + 64))
  expect(biased.mlp - plain.mlp).toBe(2 * (176 + 176 + 64))
})

test('stored bytes follow the dtype of each tensor', () => {
  const spec = shapeSpec({})
  const source = randomTensors(spec, 1)
  const before = describeCheckpoint(spec, source)
  const infos = new Map(source.infos)
  infos.set('lm_head.weight', { ...infos.get('lm_head.weight')!, dtype: 'bf16' })
  const after = describeCheckpoint(spec, { ...source, infos })
  expect(before.storedBytes).toBe(before.parameters.total * 4)
  expect(after.storedBytes).toBe(before.storedBytes - 320 * 64 * 2)
  expect(after.loadedBytes).toEqual(before.loadedBytes)
})

test('in memory linear weights take the format, and all else stays as stored', () => {
  // One layer with linear weights [128, 256], [64, 256] twice, [256, 128], [384, 256] twice and [256, 384].
  const { loadedBytes, parameters } = summary({
    layerCount: 1,
    hiddenSize: 256,
    intermediateSize: 384,
    headCount: 4,
    kvHeadCount: 2,
    headDim: 32,
    vocabSize: 300,
  })
  const rest = 4 * (parameters.embedding + parameters.norm)
  const linear = parameters.attention + parameters.mlp + parameters.head
  const outputs = 128 + 64 + 64 + 256 + 384 + 384 + 256 + 300
  const attentionOutputs = 128 + 64 + 64 + 256
  expect(loadedBytes).toEqual({
    f32: rest + linear * 4,
    int8: rest + linear + outputs * 4,
    int4: rest + ((linear - parameters.attention) * 4.125) / 8 + parameters.attention + attentionOutputs * 4,
    'int4-pure': rest + (linear * 4.125) / 8,
  })
})

test("int4 counts what the specification's own recipe keeps at 8 bits", () => {
  const bytes = (keep8: string[]) => summary({ recipe: { keep8 }, tiedEmbeddings: true }).streamedBytes
  const pure = bytes([])
  expect(pure.int4).toBe(pure['int4-pure'])
  expect(bytes(['lm_head.weight']).int4 - pure.int4).toBe(320 * (64 + 4 - 66))
  expect(bytes(['*']).int4).toBe(pure.int8)
})

test('int4 rows are padded to whole groups of 128 inputs', () => {
  const tied = summary({
    layerCount: 1,
    hiddenSize: 130,
    headCount: 2,
    kvHeadCount: 2,
    headDim: 64,
    intermediateSize: 128,
  })
  const rows130 = 3 * 128 + 2 * 128 + 320
  const rows128 = 2 * 130
  expect(tied.loadedBytes['int4-pure']).toBe(
    4 * (tied.parameters.embedding + tied.parameters.norm) + (rows130 * 2 + rows128) * 66,
  )
})

test('a tied head is packed apart from the embedding table', () => {
  const tied = summary({ tiedEmbeddings: true })
  const untied = summary({})
  expect(tied.loadedBytes).toEqual(untied.loadedBytes)
  expect(tied.storedBytes).toBe(untied.storedBytes - 320 * 64 * 4)
})

test('a token adds one key and one value per layer and head to the cache', () => {
  expect(summary('llama-8b').cacheBytesPerToken).toBe(32 * 2 * 8 * 128 * 4)
})

test('a pass reads everything but the embedding table, tied or not', () => {
  for (const tiedEmbeddings of [false, true]) {
    const { loadedBytes, streamedBytes, parameters } = summary({ tiedEmbeddings })
    expect(streamedBytes.f32).toBe(4 * (parameters.total - (tiedEmbeddings ? 0 : parameters.embedding)))
    expect(loadedBytes.int8 - streamedBytes.int8).toBe(4 * parameters.embedding)
  }
})
