import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseConfig } from './config.ts'
import { randomCheckpoint } from './random.ts'
import { shapeNames, shapeSpec } from './shapes.ts'
import type { ModelSpec } from './spec.ts'
import { describeCheckpoint } from './summary.ts'
import { toConfig } from './to-config.ts'
import { validateTensors } from './validate.ts'
import { writeRandomCheckpoint } from './write-random.ts'

const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

describe('shapes', () => {
  test.each([
    ['llama-8b', 8_030_261_248],
    ['llama-1b', 1_235_814_400],
    ['llama-300m', 301_507_584],
    ['llama-60m', 62_269_952],
    ['llama-tiny', 133_440],
  ])('%s has %i parameters', (name, parameters) => {
    const { spec, source } = randomCheckpoint(name, 1)
    validateTensors(spec, source)
    expect(describeCheckpoint(spec, source).parameters.total).toBe(parameters)
    expect(shapeNames).toContain(name)
  })

  test('an unknown name is refused with those that are known', () => {
    const message =
      'There is no shape "llama-2b", expected one of llama-8b, llama-1b, llama-300m, llama-60m, llama-19m, drafter-2m, llama-tiny.'
    expect(() => randomCheckpoint('llama-2b', 1)).toThrow(error('argument', message))
  })

  test('given fields replace those of llama-tiny', () => {
    const spec = shapeSpec({ layerCount: 5, vocabSize: 32 })
    expect(spec).toMatchObject({ layerCount: 5, vocabSize: 32, hiddenSize: 64, bosTokenId: null, eosTokenIds: [] })
    expect(spec.windows).toEqual([null, null, null, null, null])
  })

  test.each<[Partial<ModelSpec>, string]>([
    [{ kvHeadCount: 3 }, 'spec: num_key_value_heads is 3, expected a divisor of num_attention_heads (4)'],
    [{ architecture: 'gpt2' }, 'spec: model_type is "gpt2"'],
    [{ qkNorm: true }, 'spec: qkNorm is true, but a llama configuration can only say false'],
    [{ windows: [8, 8] }, 'spec: windows is [8,8], but a llama configuration can only say [null,null]'],
    [
      { architecture: 'mistral', windows: [8, 9] },
      'spec: windows is [8,9], but a mistral configuration can only say [8,8]',
    ],
    [{ qkvBias: true }, 'spec: qkvBias is true'],
  ])('%j is refused', (fields, message) => {
    expect(() => shapeSpec(fields)).toThrow(error('argument', message))
  })
})

describe('toConfig', () => {
  const scaling = fc.oneof(
    fc.constant({ type: 'default' as const }),
    fc.record({ type: fc.constant('linear' as const), factor: fc.integer({ min: 1, max: 64 }) }),
    fc.record({
      type: fc.constant('llama3' as const),
      factor: fc.integer({ min: 1, max: 64 }),
      lowFreqFactor: fc.constantFrom(1, 2),
      highFreqFactor: fc.constantFrom(3, 4),
      originalContextLength: fc.integer({ min: 1, max: 8192 }),
    }),
    fc.record({
      type: fc.constant('yarn' as const),
      factor: fc.integer({ min: 1, max: 64 }),
      originalContextLength: fc.integer({ min: 1, max: 8192 }),
      betaFast: fc.integer({ min: 8, max: 64 }),
      betaSlow: fc.integer({ min: 1, max: 8 }),
      attentionFactor: fc.double({ min: 0.5, max: 2, noNaN: true }),
      truncate: fc.boolean(),
    }),
  )
  const window = fc.integer({ min: 1, max: 4096 })
  const slides = fc.array(fc.boolean(), { minLength: 2, maxLength: 2 })
  const windows = fc.tuple(window, slides).map(([size, layers]) => layers.map((slides) => (slides ? size : null)))
  const particular: fc.Arbitrary<Partial<ModelSpec>> = fc.oneof(
    fc.tuple(fc.boolean(), fc.boolean()).map(([bias, mlpBias]) => ({ qkvBias: bias, outputBias: bias, mlpBias })),
    windows.map((windows) => ({ architecture: 'mistral', windows })),
    windows.map((windows) => ({ architecture: 'qwen2', qkvBias: true, windows })),
    fc
      .tuple(windows, fc.boolean())
      .map(([windows, bias]) => ({ architecture: 'qwen3', qkNorm: true, qkvBias: bias, outputBias: bias, windows })),
  )
  const general = fc.record({
    hiddenSize: fc.integer({ min: 1, max: 8192 }),
    intermediateSize: fc.integer({ min: 1, max: 32_768 }),
    kvHeadCount: fc.constantFrom(1, 2, 4),
    headDim: fc.integer({ min: 1, max: 128 }).map((half) => half * 2),
    contextLength: fc.integer({ min: 1, max: 131_072 }),
    normEps: fc.constantFrom(1e-5, 1e-6),
    rope: fc.record({ theta: fc.integer({ min: 1, max: 1_000_000 }), scaling }),
    tiedEmbeddings: fc.boolean(),
    bosTokenId: fc.constantFrom(null, 0, 319),
    eosTokenIds: fc.constantFrom([], [1], [1, 2]),
  })

  test('writes what parseConfig reads back as the same specification', () => {
    fc.assert(
      fc.property(general, particular, (a, b) => {
        const spec = shapeSpec({ ...a, ...b })
        expect(parseConfig(JSON.parse(JSON.stringify(toConfig(spec))))).toEqual(spec)
      }),
      { seed: 1 },
    )
  })
})

describe('random weights', () => {
  const name = 'model.layers.1.mlp.up_proj.weight'

  test('are the same for the same seed, and others for another seed or tensor', async () => {
    const read = async (seed: number, tensor = name) =>
      (await randomCheckpoint('llama-tiny', seed).source.read(tensor)).data
    expect(await read(1)).toEqual(await read(1))
    expect(await read(1)).not.toEqual(await read(2))
    expect(await read(1)).not.toEqual(await read(1, 'model.layers.1.mlp.gate_proj.weight'))
  })

  test('read by rows are those read at once', async () => {
    const { source } = randomCheckpoint({ qkvBias: true, outputBias: true }, 1)
    for (const [name, { shape }] of source.infos) {
      const whole = await source.read(name)
      const rows = await source.readRows(name, 3, 7)
      expect(rows.shape).toEqual([4, ...shape.slice(1)])
      const rowSize = whole.data.length / shape[0]
      expect(rows.data, name).toEqual(whole.data.slice(3 * rowSize, 7 * rowSize))
    }
  })

  test('have mean 0 and standard deviation 0.02, within rows and across them', async () => {
    const { source } = randomCheckpoint({ hiddenSize: 512, vocabSize: 512 }, 1)
    const data = (await source.read('lm_head.weight')).data as Float32Array
    const column = Float32Array.from({ length: 512 }, (_, row) => data[row * 512 + 7])
    const samples: [Float32Array, number][] = [
      [data, 1e-4],
      [data.subarray(0, 512), 2e-3],
      [column, 2e-3],
    ]
    for (const [values, tolerance] of samples) {
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length
      const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length
      expect(Math.abs(mean)).toBeLessThan(tolerance)
      expect(Math.abs(Math.sqrt(variance) - 0.02)).toBeLessThan(tolerance)
    }
  })

  test('rows do not repeat one another', async () => {
    const { source } = randomCheckpoint({ hiddenSize: 512, vocabSize: 512 }, 1)
    const { data } = await source.read('lm_head.weight')
    expect(new Set(Array.from({ length: 512 }, (_, row) => data[row * 512])).size).toBe(512)
  })

  test('norms have gain 1', async () => {
    const { source } = randomCheckpoint({ architecture: 'qwen3', qkNorm: true }, 1)
    for (const name of [
      'model.norm.weight',
      'model.layers.0.input_layernorm.weight',
      'model.layers.0.self_attn.q_norm.weight',
    ])
      expect((await source.read(name)).data.every((gain) => gain === 1)).toBe(true)
  })

  test('unknown tensors and rows are refused', async () => {
    const { source } = randomCheckpoint('llama-tiny', 1)
    await expect(source.read('nothing')).rejects.toThrow(
      error('checkpoint', 'random weights: there is no tensor "nothing"'),
    )
    for (const [start, end] of [
      [-1, 2],
      [0, 177],
      [3, 2],
      [0.5, 2],
    ])
      await expect(source.readRows(name, start, end)).rejects.toThrow(error('argument', `rows ${start} to ${end}`))
  })

  test('come with a text codec', () => {
    const { text } = randomCheckpoint('llama-tiny', 1)
    expect(text.decode(text.encode('abc'), { skipSpecialTokens: true })).toBe('abc')
  })
})

describe('writeRandomCheckpoint', () => {
  test('refuses vocabularies too small for bytes', async () => {
    const message = 'spec: vocabSize is 100, expected at least 258'
    await expect(writeRandomCheckpoint(join(tmpdir(), 'never'), { vocabSize: 100 }, 1)).rejects.toThrow(
      error('argument', message),
    )
  })

  test('says which folder it cannot write', async () => {
    const root = await mkdtemp(join(tmpdir(), 'paceline-random-'))
    const file = join(root, 'file')
    await writeFile(file, '')
    await expect(writeRandomCheckpoint(file, {}, 1)).rejects.toThrow(error('file', `${file}: cannot be written`))
    await rm(root, { recursive: true })
  })
})
