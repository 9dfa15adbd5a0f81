import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import type { DType } from '../dtype.ts'
import { bytesOf } from '../safetensors/files.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { openPytorch } from './reader.ts'
import { assembleArchive, pytorchFile, rowMajor, storageClasses } from './write-archive.ts'
import { type PickledTensor, pickleTensors } from './write-pickle.ts'

const folder = mkdtempSync(join(tmpdir(), 'paceline-pytorch-'))
const path = join(folder, 'pytorch_model.bin')
afterAll(() => rmSync(folder, { recursive: true }))

async function opened(file: Uint8Array) {
  await writeFile(path, file)
  return openPytorch(path)
}

const everyType: Record<string, Tensor> = {
  f32: tensor('f32', [2, 3], Float32Array.of(0, -1.5, 2, 3, 4, 1e30)),
  f16: tensor('f16', [2], Uint16Array.of(0x3c00, 0xc000)),
  bf16: tensor('bf16', [1, 2], Uint16Array.of(0x3f80, 0xc000)),
  i8: tensor('i8', [3], Int8Array.of(-128, 0, 127)),
  u8: tensor('u8', [2], Uint8Array.of(0, 255)),
  i32: tensor('i32', [2], Int32Array.of(-(2 ** 31), 7)),
  i64: tensor('i64', [2], BigInt64Array.of(-(2n ** 63n), 2n ** 53n)),
  bool: tensor('bool', [3], Uint8Array.of(1, 0, 1)),
}

test.each([
  ['as torch.save writes it', {}],
  ['without the directory for large archives', { zip64: false }],
  ['with every number in the form for large archives', { zip64Entries: true }],
])('tensors of every element type are read from a file %s', async (_, options) => {
  const file = await opened(pytorchFile(everyType, options))
  expect([...file.infos.values()]).toEqual(
    Object.entries(everyType).map(([name, { dtype, shape }]) => ({ name, dtype, shape, file: 'pytorch_model.bin' })),
  )
  for (const [name, expected] of Object.entries(everyType)) expect(await file.read(name)).toEqual(expected)
  expect(await file.readRows('f32', 1, 2)).toEqual(tensor('f32', [1, 3], Float32Array.of(3, 4, 1e30)))
  await expect(file.readRows('f32', 1, 3)).rejects.toMatchObject({ code: 'argument' })
  await expect(file.read('other')).rejects.toMatchObject({ code: 'checkpoint' })
  await file.close()
  await expect(file.read('f32')).rejects.toMatchObject({ code: 'file' })
})

test('tensors that share a storage begin at their offsets, in a dictionary of either kind', async () => {
  const data = Float32Array.from({ length: 300 }, (_, i) => i)
  const shared = { storage: '0', length: 300, type: 'FloatStorage' }
  const tensors: Record<string, PickledTensor> = {
    all: { ...shared, offset: 0, shape: [3, 100], strides: [100, 1] },
    rows: { ...shared, offset: 100, shape: [2, 100], strides: [100, 1], parameter: true },
    scalar: { ...shared, offset: 299, shape: [], strides: [] },
    // Whatever its strides, there is one way to walk along a dimension of one, and none through no elements.
    one: { ...shared, offset: 5, shape: [1, 2, 1], strides: [77, 1, 99] },
    none: { ...shared, offset: 300, shape: [4, 0], strides: [1, 9] },
  }
  for (const ordered of [true, false]) {
    const file = await opened(assembleArchive(pickleTensors(tensors, ordered), new Map([['0', bytesOf(data)]])))
    expect([...file.infos.keys()]).toEqual(Object.keys(tensors))
    expect((await file.read('all')).data).toEqual(data)
    expect(await file.read('rows')).toEqual(tensor('f32', [2, 100], data.slice(100)))
    expect(await file.readRows('rows', 1, 2)).toEqual(tensor('f32', [1, 100], data.slice(200)))
    expect(await file.read('scalar')).toEqual(tensor('f32', [], Float32Array.of(299)))
    expect(await file.read('one')).toEqual(tensor('f32', [1, 2, 1], Float32Array.of(5, 6)))
    expect(await file.read('none')).toEqual(tensor('f32', [4, 0], new Float32Array()))
    await file.close()
  }
})

test('any tensors come back as they were stored', async () => {
  const dtypes = Object.keys(storageClasses) as DType[]
  const views = fc.array(
    fc.record({
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.nat(4), { maxLength: 4 }),
      before: fc.nat(3),
      after: fc.nat(3),
      parameter: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(views, fc.boolean(), fc.boolean(), async (list, zip64, zip64Entries) => {
      const tensors: Record<string, PickledTensor> = {}
      const storages = new Map<string, Uint8Array>()
      const expected: Uint8Array[] = []
      list.forEach(({ dtype, shape, before, after, parameter }, i) => {
        const count = shape.reduce((product, size) => product * size, 1)
        const bytes = { f32: 4, f16: 2, bf16: 2, i8: 1, u8: 1, i32: 4, i64: 8, bool: 1 }[dtype]
        const storage = Uint8Array.from({ length: (before + count + after) * bytes }, (_, at) => at + i)
        storages.set(`${i}`, storage)
        const length = before + count + after
        const view = { offset: before, shape, strides: rowMajor(shape), parameter }
        tensors[`t${i}`] = { storage: `${i}`, length, type: storageClasses[dtype], ...view }
        expected.push(storage.subarray(before * bytes, (before + count) * bytes))
      })
      const file = await opened(assembleArchive(pickleTensors(tensors), storages, { zip64, zip64Entries }))
      for (const [i, { dtype, shape }] of list.entries()) {
        const read = await file.read(`t${i}`)
        expect([read.dtype, read.shape]).toEqual([dtype, shape])
        expect(Buffer.compare(bytesOf(read.data), expected[i])).toBe(0)
      }
      await file.close()
    }),
    { seed: 5, numRuns: 60 },
  )
})

test('doubles are listed, and refused when they are read', async () => {
  const wide: PickledTensor = { storage: '0', length: 2, type: 'DoubleStorage', offset: 0, shape: [2], strides: [1] }
  const file = await opened(assembleArchive(pickleTensors({ wide }), new Map([['0', new Uint8Array(16)]])))
  expect(file.infos.get('wide')).toMatchObject({ dtype: null, shape: [2] })
  await expect(file.read('wide')).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('type F64'),
  })
  await file.close()
})

test('of a file with large tensors only what is asked for is read', async () => {
  const shape = [1024, 1024]
  const file = await opened(pytorchFile({ big: tensor('f32', shape, new Float32Array(2 ** 20).fill(3)) }))
  const before = process.memoryUsage().arrayBuffers
  expect((await file.readRows('big', 1023, 1024)).data).toEqual(new Float32Array(1024).fill(3))
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 18)
  await file.close()
})

test('what is not an archive of torch.save is refused with what to do', async () => {
  const text = (value: string) => new TextEncoder().encode(value)
  const whole = pytorchFile(everyType)
  const cases: [Uint8Array, string, string][] = [
    [new Uint8Array(), 'format', 'the file is empty'],
    [text('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n'), 'format', 'git lfs pull'],
    [Uint8Array.from([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46]), 'unsupported', 'before version 1.6'],
    [text('{"a": 1}'), 'format', 'not a whole zip archive of torch.save'],
    [whole.subarray(0, whole.length - 100), 'format', 'Download it again'],
    [pytorchFile(everyType, { method: 8 }), 'unsupported', '"archive/data.pkl" is compressed or encrypted'],
    [assembleArchive(pickleTensors({}), new Map(), { byteOrder: 'big' }), 'unsupported', 'big-endian'],
  ]
  for (const [bytes, code, message] of cases)
    await expect(opened(bytes)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`^pytorch_model\\.bin: .*${message}`, 's')),
    })
  await expect(openPytorch(join(folder, 'none.bin'))).rejects.toMatchObject({ code: 'file' })
  await expect(openPytorch(folder)).rejects.toMatchObject({ code: 'file' })
})
