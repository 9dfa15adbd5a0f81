import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Tensor, toFloat32 } from '../tensor/index.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { storedDTypes } from './stored-dtype.ts'
import { writeModel } from './write-model.ts'
import { writeRandomCheckpoint } from './write-random.ts'

let folder = ''
let original: Checkpoint
const tensors = new Map<string, Tensor>()
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-write-model-'))
  await writeRandomCheckpoint(join(folder, 'original'), 'llama-tiny', 1, { chatTemplate: '{{ messages[0].content }}' })
  original = await openCheckpoint(join(folder, 'original'))
  for (const name of original.source.infos.keys()) tensors.set(name, await original.source.read(name))
})
afterAll(async () => {
  await original.close()
  await rm(folder, { recursive: true, force: true })
})

const content = () => ({
  spec: original.spec,
  tensors,
  dtype: 'f16' as const,
  tokenizer: original.folder,
  provenance: { method: 'lm' },
})

test.for(storedDTypes)('a model written in %s opens with the same specification, text and weights', async (dtype) => {
  await writeModel(join(folder, dtype), { ...content(), dtype })
  const written = await openCheckpoint(join(folder, dtype))
  try {
    expect(written.spec).toEqual(original.spec)
    expect(written.text.encode('abc')).toEqual(original.text.encode('abc'))
    const error = { f32: 0, f16: 2 ** -11, bf16: 2 ** -8 }[dtype]
    for (const [name, { data }] of tensors) {
      const { dtype: found, ...tensor } = await written.source.read(name)
      expect(found).toBe(dtype)
      const values = toFloat32({ dtype: found, ...tensor })
      // f16 has a smallest step of 2^-24.
      const far = values.findIndex(
        (value, i) => !(Math.abs(value - Number(data[i])) <= error * Math.abs(Number(data[i])) + 2 ** -25),
      )
      expect({ name, far }).toEqual({ name, far: -1 })
    }
  } finally {
    await written.close()
  }
})

test('an earlier model is replaced, anything else is left alone', async () => {
  const out = join(folder, 'out')
  await writeModel(out, content())
  await writeModel(out, { ...content(), provenance: { method: 'lm', again: true } })
  expect(JSON.parse(await readFile(join(out, 'paceline.json'), 'utf8'))).toEqual({ method: 'lm', again: true })
  await mkdir(join(folder, 'other'))
  await writeFile(join(folder, 'other', 'precious.txt'), 'x')
  await expect(writeModel(join(folder, 'other'), content())).rejects.toThrow('was not written by Paceline')
  expect(await readdir(join(folder, 'other'))).toEqual(['precious.txt'])
})

test('what does not fit is refused, tensor named, and leaves nothing behind', async () => {
  const norm = tensors.get('model.norm.weight')!
  const wrong: [Tensor, RegExp][] = [
    [{ ...norm, data: norm.data.map(() => 7e4 as never) as Float32Array }, /"model\.norm\.weight" holds 70000, .+ f16/],
    [{ ...norm, data: norm.data.map(() => Number.NaN as never) as Float32Array }, /"model\.norm\.weight" holds NaN/],
    [{ ...norm, shape: [8, 8] }, /"model\.norm\.weight" is \[8, 8\]/],
  ]
  for (const [tensor, message] of wrong) {
    const spoilt = new Map(tensors).set('model.norm.weight', tensor)
    await expect(writeModel(join(folder, 'wrong'), { ...content(), tensors: spoilt })).rejects.toThrow(message)
  }
  const missing = { ...content(), tokenizer: join(folder, 'nowhere') }
  await expect(writeModel(join(folder, 'wrong'), missing)).rejects.toMatchObject({ code: 'file' })
  expect((await readdir(folder)).filter((name) => name.includes('wrong'))).toEqual([])
})
