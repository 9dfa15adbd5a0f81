import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { allocate, type DType } from '../dtype.ts'
import { elementCount, type Tensor, tensor, zeros } from '../tensor.ts'
import type { NamedTensor } from './encode.ts'
import { bytesOf } from './files.ts'
import { openSafetensors } from './reader.ts'
import { writeSafetensors } from './writer.ts'

const folder = mkdtempSync(join(tmpdir(), 'paceline-writer-'))
afterAll(() => rmSync(folder, { recursive: true }))

const dtypes: DType[] = ['f32', 'f16', 'bf16', 'i8', 'u8', 'i32', 'i64', 'bool']
const anyTensor: fc.Arbitrary<Tensor> = fc
  .tuple(
    fc.constantFrom(...dtypes),
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
    fc.integer({ min: 0, max: 255 }),
  )
  .map(([dtype, shape, first]) => {
    const data = allocate(dtype, elementCount(shape))
    bytesOf(data).forEach((_, i, bytes) => {
      bytes[i] = (first + i * 37) % 256
    })
    return tensor(dtype, shape, data)
  })
const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }).filter((name) => name !== '__metadata__'),
  fc.constantFrom('__proto__', 'constructor', 'model.layers.0.mlp.up_proj.weight', '0', '10', '9'),
)
const anyTensors: fc.Arbitrary<NamedTensor[]> = fc.uniqueArray(fc.record({ name: anyName, tensor: anyTensor }), {
  selector: ({ name }) => name,
  maxLength: 8,
})

test('what is written reads back: names, types, shapes, bytes and metadata', async () => {
  const path = join(folder, 'roundtrip.safetensors')
  const anyMetadata = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), {
    noNullPrototype: true,
  })
  await fc.assert(
    fc.asyncProperty(anyTensors, anyMetadata, async (tensors, metadata) => {
      await writeSafetensors(path, tensors, metadata)
      const file = await openSafetensors(path)
      try {
        expect(new Map(file.metadata)).toEqual(new Map(Object.entries(metadata)))
        expect([...file.infos.keys()].sort()).toEqual(tensors.map(({ name }) => name).sort())
        for (const { name, tensor } of tensors) {
          const back = await file.read(name)
          expect(file.infos.get(name)).toMatchObject({ name, dtype: tensor.dtype, shape: tensor.shape })
          expect(back).toMatchObject({ dtype: tensor.dtype, shape: tensor.shape })
          expect(bytesOf(back.data)).toEqual(bytesOf(tensor.data))
        }
      } finally {
        await file.close()
      }
    }),
    { seed: 1, numRuns: 100 },
  )
})

test('any rows read alone equal the same rows of the whole tensor', async () => {
  const path = join(folder, 'rows.safetensors')
  const withRows = anyTensor.filter(({ shape }) => shape.length > 0)
  await fc.assert(
    fc.asyncProperty(withRows, fc.nat(), fc.nat(), async (whole, a, b) => {
      const rows = whole.shape[0]
      const [start, end] = [a % (rows + 1), b % (rows + 1)].sort((x, y) => x - y)
      await writeSafetensors(path, { first: zeros('f32', [3]), whole })
      const file = await openSafetensors(path)
      try {
        const part = await file.readRows('whole', start, end)
        const width = elementCount(whole.shape.slice(1))
        expect(part.shape).toEqual([end - start, ...whole.shape.slice(1)])
        expect([...part.data]).toEqual([...whole.data.slice(start * width, end * width)])
      } finally {
        await file.close()
      }
    }),
    { seed: 2, numRuns: 100 },
  )
})

test('every tensor is aligned to its element size and the data to 8 bytes', async () => {
  const path = join(folder, 'aligned.safetensors')
  await writeSafetensors(path, {
    a: zeros('u8', [3]),
    b: zeros('i64', [1]),
    c: zeros('f16', [1]),
    d: zeros('f32', [1]),
  })
  const bytes = await readFile(path)
  const length = Number(bytes.readBigUInt64LE())
  expect(length % 8).toBe(0)
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  expect(Object.keys(header)).toEqual(['b', 'd', 'c', 'a'])
  expect(header.c.data_offsets).toEqual([12, 14])
})

test('equal content gives equal bytes, in whatever order it was given', async () => {
  const [one, two] = [join(folder, 'one.safetensors'), join(folder, 'two.safetensors')]
  const [a, b] = [zeros('f32', [2]), zeros('f32', [3])]
  await writeSafetensors(one, { a, b }, { x: '1', y: '2' })
  await writeSafetensors(
    two,
    [
      { name: 'b', tensor: b },
      { name: 'a', tensor: a },
    ],
    { y: '2', x: '1' },
  )
  expect(await readFile(one)).toEqual(await readFile(two))
})

test('a view into a larger array is written without its surroundings', async () => {
  const path = join(folder, 'view.safetensors')
  await writeSafetensors(path, { v: tensor('f32', [2], Float32Array.of(1, 2, 3, 4).subarray(1, 3)) })
  const file = await openSafetensors(path)
  expect([...(await file.read('v')).data]).toEqual([2, 3])
  await file.close()
})

test('a file that is refused or cannot be written leaves the old one whole, and nothing else behind', async () => {
  const place = join(folder, 'atomic')
  await mkdir(place)
  const path = join(place, 'kept.safetensors')
  await writeFile(path, 'old')
  const a = zeros('f32', [1])
  const refused = expect.objectContaining({ code: 'argument', message: expect.stringMatching(/^kept\.safetensors: /) })
  await expect(writeSafetensors(path, { __metadata__: a })).rejects.toEqual(refused)
  await expect(writeSafetensors(path, { '\ud800': a })).rejects.toEqual(refused)
  await expect(
    writeSafetensors(path, [
      { name: 'a', tensor: a },
      { name: 'a', tensor: a },
    ]),
  ).rejects.toEqual(refused)
  await expect(writeSafetensors(path, { a: { ...a, shape: [2] } })).rejects.toEqual(refused)
  await expect(writeSafetensors(path, { a: { ...a, shape: [-1, -1] } })).rejects.toEqual(refused)
  await expect(writeSafetensors(path, { a }, { key: '\ud800' })).rejects.toEqual(refused)
  expect(await readFile(path, 'utf8')).toBe('old')

  await mkdir(join(place, 'folder'))
  await expect(writeSafetensors(join(place, 'folder'), { a })).rejects.toMatchObject({ code: 'file' })
  await expect(writeSafetensors(join(place, 'missing', 'x.safetensors'), { a })).rejects.toMatchObject({ code: 'file' })
  expect(readdirSync(place).sort()).toEqual(['folder', 'kept.safetensors'])
})
