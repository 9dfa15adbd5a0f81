import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Tensor, tensor, writeSafetensors } from '../../tensor/index.ts'
// Not part of the public face of `tensor`: files of torch.save are written by tests alone.
import { pytorchFile } from '../../tensor/pytorch/write-archive.ts'
import { randomSource } from '../random.ts'
import { shapeSpec } from '../shapes.ts'
import type { ModelSpec } from '../spec.ts'
import { toBitaConfig } from './config.ts'
import { openBita } from './open.ts'
import { type BitaSpec, bitaParameters, bitaTensors, maskTokensName, prefixName } from './spec.ts'
import { writeBita } from './write.ts'

const target = shapeSpec({ hiddenSize: 16, intermediateSize: 32, vocabSize: 320 })
const { hiddenSize, vocabSize, layerCount, kvHeadCount, headDim } = target
const specOf = (maskCount: number, prefixLength: number): BitaSpec => ({
  ...{ maskCount, prefixLength, hiddenSize, vocabSize, layerCount, kvHeadCount, headDim },
})
const spec = specOf(3, 5)

let folder = ''
let count = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-bita-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function syntheticTensors(of: BitaSpec): Promise<Map<string, Tensor>> {
  const source = randomSource(bitaTensors(of), 1)
  const read = bitaTensors(of).map(async ({ name }) => [name, await source.read(name)] as const)
  return new Map(await Promise.all(read))
}

async function readAll(path: string, of: ModelSpec = target) {
  const bita = await openBita(path, of)
  try {
    const names = [...bita.source.infos.keys()]
    const tensors = await Promise.all(names.map(async (name) => [name, await bita.source.read(name)] as const))
    return { spec: bita.spec, tensors: new Map(tensors) }
  } finally {
    await bita.close()
  }
}

async function openFiles(config: object, tensors: ReadonlyMap<string, Tensor>, file = 'model.safetensors') {
  const path = join(folder, `${count++}`)
  await mkdir(path)
  await writeFile(join(path, 'config.json'), JSON.stringify(config))
  const all = Object.fromEntries(tensors)
  if (file.endsWith('.safetensors')) await writeSafetensors(join(path, file), all)
  else await writeFile(join(path, file), pytorchFile(all))
  return readAll(path)
}

test('what is written is read back, whatever the sizes', async () => {
  const size = fc.integer({ min: 1, max: 20 })
  await fc.assert(
    fc.asyncProperty(size, size, async (maskCount, prefixLength) => {
      const any = specOf(maskCount, prefixLength)
      const tensors = await syntheticTensors(any)
      const path = join(folder, 'any')
      await writeBita(path, { spec: any, tensors, dtype: 'f32', provenance: { method: 'bita' } })
      const read = await readAll(path)
      expect(read.spec).toEqual(any)
      expect([...read.tensors].sort()).toEqual([...tensors].sort())
    }),
    { seed: 3, numRuns: 10 },
  )
})

test("the configuration has the authors' fields, and says for what model it is", async () => {
  const path = join(folder, 'fields')
  await writeBita(path, { spec, tensors: await syntheticTensors(spec), dtype: 'f16', provenance: { method: 'bita' } })
  expect(JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))).toMatchObject({
    ...{ finetuning_type: 'pt2', mask_num: 3, mask_diff: true, prompt_num: 5, prefix_projection: false },
    ...{ hidden_size: 16, vocab_size: 320, num_hidden_layers: layerCount, torch_dtype: 'float16' },
  })
  expect((await readAll(path)).tensors.get(prefixName)!.dtype).toBe('f16')
})

test('parameters are those of both tensors', () => {
  expect(bitaParameters(spec)).toBe(3 * hiddenSize + 5 * 2 * layerCount * kvHeadCount * headDim)
})

test.each([
  'model.safetensors',
  'pytorch_model.bin',
])('%s of a whole model: the others are left alone', async (file) => {
  const tensors = await syntheticTensors(spec)
  const whole = new Map<string, Tensor>([['model.embed_tokens.weight', tensor('f32', [1], Float32Array.of(1))]])
  for (const [name, value] of tensors) whole.set(`model.${name}`, value)
  // What the configuration of a whole model does not say is the target's.
  const read = await openFiles({ model_type: 'llama', mask_num: 3, mask_diff: true, prompt_num: 5 }, whole, file)
  expect(read.spec).toEqual(spec)
  expect([...read.tensors].sort()).toEqual([...tensors].sort())
})

describe('what does not fit together is an error that names it', () => {
  const f32 = (...shape: number[]) => tensor('f32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))

  test.each<[string, (tensors: Map<string, Tensor>) => void, object, string, string]>([
    [
      'no masks',
      (t) => t.delete(maskTokensName),
      {},
      'checkpoint',
      'there is no tensor "mask_tokens.weight", expected [3, 16], with or without "model." in front',
    ],
    [
      'another number of masks',
      () => {},
      { mask_num: 4 },
      'checkpoint',
      'is [3, 16], config.json says [4, 16] (mask_num)',
    ],
    [
      'a prefix of query heads',
      (t) => t.set(prefixName, f32(5, 7)),
      {},
      'checkpoint',
      `"prefix_encoder.embedding.weight" is [5, 7], config.json says [5, ${2 * layerCount * kvHeadCount * headDim}]`,
    ],
    [
      'two names of one tensor',
      (t) => t.set(`model.${maskTokensName}`, f32(3, 16)),
      {},
      'checkpoint',
      'are two names of one tensor',
    ],
    [
      'another target',
      () => {},
      { hidden_size: 32 },
      'checkpoint',
      "hidden_size is 32, the target's hidden_size is 16",
    ],
    ['no number of masks', () => {}, { mask_num: null }, 'format', 'mask_num is missing'],
    ['no masks at all', () => {}, { mask_num: 0 }, 'checkpoint', 'mask_num is 0, expected'],
    ['one vector for all masks', () => {}, { mask_diff: false }, 'unsupported', 'mask_diff'],
    ['a projected prefix', () => {}, { prefix_projection: true }, 'unsupported', 'prefix_projection'],
  ])('%s', async (_, change, fields, code, message) => {
    const tensors = await syntheticTensors(spec)
    change(tensors)
    await expect(openFiles({ ...toBitaConfig(spec), ...fields }, tensors)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test('a folder without weights, without a configuration, or no folder', async () => {
    await expect(openFiles(toBitaConfig(spec), new Map(), 'other.safetensors')).rejects.toMatchObject({ code: 'file' })
    await expect(readAll(folder)).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining('no config.json'),
    })
    await expect(readAll(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'file' })
  })

  test('what cannot be read back is not written', async () => {
    const tensors = await syntheticTensors(spec)
    tensors.delete(prefixName)
    const path = join(folder, 'refused')
    await expect(writeBita(path, { spec, tensors, dtype: 'f32', provenance: {} })).rejects.toMatchObject({
      code: 'checkpoint',
    })
    await expect(readAll(path)).rejects.toMatchObject({ code: 'file' })
  })
})
