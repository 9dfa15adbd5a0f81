import { mkdtempSync, rmSync } from 'node:fs'
import { appendFile, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { tensor } from '../tensor.ts'
import { assemble } from './mutate.ts'
import { openSafetensors } from './reader.ts'
import { writeSafetensors } from './writer.ts'

const folder = mkdtempSync(join(tmpdir(), 'paceline-reader-'))
const path = join(folder, 'model.safetensors')
afterAll(() => rmSync(folder, { recursive: true }))

const matrix = tensor('f32', [3, 2], Float32Array.of(0, 1, 2, 3, 4, 5))

test('a file that cannot be opened is an error of code file that names it', async () => {
  const missing = openSafetensors(join(folder, 'none.safetensors'))
  await expect(missing).rejects.toMatchObject({
    code: 'file',
    message: expect.stringMatching(/^none\.safetensors: .*ENOENT/),
  })
  await expect(openSafetensors(folder)).rejects.toMatchObject({ code: 'file' })
})

test('a file that breaks the format is an error of code format that names it', async () => {
  for (const bytes of [new Uint8Array(), new Uint8Array(8), assemble('{}', new Uint8Array(1))]) {
    await writeFile(path, bytes)
    await expect(openSafetensors(path)).rejects.toMatchObject({
      code: 'format',
      message: expect.stringMatching(/^model\.safetensors: /),
    })
  }
})

test('a Git LFS pointer is recognised', async () => {
  await writeFile(path, 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 12345\n')
  await expect(openSafetensors(path)).rejects.toMatchObject({
    code: 'format',
    message: expect.stringContaining('git lfs pull'),
  })
})

test('a claimed header of 100 MB in a small file is refused without allocating it', async () => {
  const bytes = assemble('{}')
  new DataView(bytes.buffer).setBigUint64(0, 100_000_000n, true)
  await writeFile(path, bytes)
  const before = process.memoryUsage().arrayBuffers
  await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'format' })
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
})

test('an unknown name is an error of code checkpoint', async () => {
  await writeSafetensors(path, { matrix })
  const file = await openSafetensors(path)
  for (const name of ['other', 'constructor', '__proto__'])
    await expect(file.read(name)).rejects.toMatchObject({
      code: 'checkpoint',
      message: `model.safetensors: there is no tensor "${name}"`,
    })
  await file.close()
})

test('rows outside the tensor, reversed or of a scalar are errors of code argument', async () => {
  await writeSafetensors(path, { matrix, scalar: tensor('f32', [], Float32Array.of(7)) })
  const file = await openSafetensors(path)
  for (const [start, end] of [
    [-1, 1],
    [0, 4],
    [2, 1],
    [0.5, 1],
    [0, Number.NaN],
  ])
    await expect(file.readRows('matrix', start, end)).rejects.toMatchObject({ code: 'argument' })
  await expect(file.readRows('scalar', 0, 1)).rejects.toMatchObject({ code: 'argument' })
  expect((await file.read('scalar')).data).toEqual(Float32Array.of(7))
  await file.close()
})

test('a type that cannot be read is listed with its shape and refused only when it is read', async () => {
  const entries =
    '"wide":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"near":{"dtype":"U8","shape":[1],"data_offsets":[16,17]}'
  await writeFile(path, assemble(`{${entries}}`, new Uint8Array(17)))
  const file = await openSafetensors(path)
  expect(file.infos.get('wide')).toEqual({ name: 'wide', dtype: null, shape: [2], file: 'model.safetensors' })
  expect((await file.read('near')).data).toEqual(Uint8Array.of(0))
  const refused = { code: 'unsupported', message: expect.stringContaining('tensor "wide": elements of type F64') }
  await expect(file.read('wide')).rejects.toMatchObject(refused)
  await expect(file.readRows('wide', 0, 1)).rejects.toMatchObject(refused)
  await file.close()
})

test('data that does not begin at a multiple of its element size is read all the same', async () => {
  const json =
    '{"odd":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"f":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}'
  await writeFile(path, assemble(json, new Uint8Array([9, ...new Uint8Array(Float32Array.of(1.5).buffer)])))
  const file = await openSafetensors(path)
  expect((await file.read('f')).data).toEqual(Float32Array.of(1.5))
  await file.close()
})

test('a file whose size changes after it was opened is refused', async () => {
  await writeSafetensors(path, { matrix })
  const file = await openSafetensors(path)
  await appendFile(path, 'x')
  await expect(file.read('matrix')).rejects.toMatchObject({
    code: 'file',
    message: expect.stringContaining('open it again'),
  })
  await truncate(path, 20)
  await expect(file.readRows('matrix', 0, 1)).rejects.toMatchObject({ code: 'file' })
  await file.close()
})

test('reading after close is an error of code file, and closing twice is not an error', async () => {
  await writeSafetensors(path, { matrix })
  const file = await openSafetensors(path)
  await file.close()
  await file.close()
  await expect(file.read('matrix')).rejects.toMatchObject({ code: 'file' })
})

test('many reads at once do not disturb one another', async () => {
  const tensors = Array.from({ length: 40 }, (_, i) => ({
    name: `t${i}`,
    tensor: tensor('i32', [100], new Int32Array(100).fill(i)),
  }))
  await writeSafetensors(path, tensors)
  const file = await openSafetensors(path)
  const all = await Promise.all(tensors.map(({ name }) => file.read(name)))
  expect(all.every(({ data }, i) => data.every((value) => value === i))).toBe(true)
  await file.close()
})

const checkpoints = process.env.PACELINE_CHECKPOINTS
if (checkpoints === undefined) console.log('PACELINE_CHECKPOINTS is not set: no third-party checkpoint is read')
test.skipIf(checkpoints === undefined)('third-party checkpoints open and hold finite weights', async () => {
  for (const name of ['tiny1m', 'stories260K']) {
    const file = await openSafetensors(join(checkpoints!, name, 'model.safetensors'))
    for (const tensorName of file.infos.keys()) {
      const { data } = await file.read(tensorName)
      expect(data.every((value) => Number.isFinite(value))).toBe(true)
    }
    await file.close()
  }
})
