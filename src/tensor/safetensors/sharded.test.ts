import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Tensor, tensor } from '../tensor.ts'
import { openSafetensorsFolder } from './sharded.ts'
import { writeSafetensors } from './writer.ts'

const root = mkdtempSync(join(tmpdir(), 'paceline-sharded-'))
afterAll(() => rmSync(root, { recursive: true }))

let folders = 0
/** A new model folder with an index (an object, or raw text) and shards. */
async function folderWith(index: object | string, shards: Record<string, Record<string, Tensor>>): Promise<string> {
  const folder = join(root, `model-${folders++}`)
  await mkdir(folder)
  const text = typeof index === 'string' ? index : JSON.stringify({ metadata: { total_size: 16.5 }, weight_map: index })
  await writeFile(join(folder, 'model.safetensors.index.json'), text)
  for (const [name, tensors] of Object.entries(shards)) await writeSafetensors(join(folder, name), tensors)
  return folder
}

const one = tensor('f32', [2, 1], Float32Array.of(1, 2))
const two = tensor('i32', [1], Int32Array.of(3))

async function expectRefused(folder: string, code: string, ...words: string[]): Promise<void> {
  const error = await openSafetensorsFolder(folder).catch((error: unknown) => error)
  expect(error).toMatchObject({ code })
  for (const word of words) expect((error as Error).message).toContain(word)
}

test('a folder with one file is that file', async () => {
  const folder = join(root, 'single')
  await mkdir(folder)
  await writeSafetensors(join(folder, 'model.safetensors'), { one })
  const source = await openSafetensorsFolder(folder)
  expect((await source.read('one')).data).toEqual(one.data)
  await source.close()
})

test('tensors of several shards are read as of one file', async () => {
  const folder = await folderWith(
    { two: 'b.safetensors', one: 'a.safetensors' },
    { 'a.safetensors': { one }, 'b.safetensors': { two } },
  )
  const source = await openSafetensorsFolder(folder)
  expect([...source.infos.values()]).toEqual([
    { name: 'two', dtype: 'i32', shape: [1], file: 'b.safetensors' },
    { name: 'one', dtype: 'f32', shape: [2, 1], file: 'a.safetensors' },
  ])
  expect((await source.read('two')).data).toEqual(two.data)
  expect((await source.readRows('one', 1, 2)).data).toEqual(Float32Array.of(2))
  await expect(source.read('three')).rejects.toMatchObject({
    code: 'checkpoint',
    message: expect.stringContaining('"three"'),
  })
  await source.close()
  await expect(source.read('two')).rejects.toMatchObject({ code: 'file' })
})

test('a folder that is missing, or without weights, is an error of code file', async () => {
  await expectRefused(join(root, 'none'), 'file', 'ENOENT')
  const empty = join(root, 'empty')
  await mkdir(empty)
  await expectRefused(empty, 'file', 'empty: holds neither model.safetensors nor')
})

test('a missing shard is named, with a tensor it should hold', async () => {
  await expectRefused(
    await folderWith({ one: 'gone.safetensors' }, {}),
    'file',
    '"gone.safetensors"',
    '"one"',
    'missing',
  )
})

test('a tensor that the index lists in a shard without it is named', async () => {
  const shards = { 'a.safetensors': { one }, 'b.safetensors': { two } }
  await expectRefused(
    await folderWith({ one: 'a.safetensors', gone: 'b.safetensors' }, shards),
    'format',
    '"gone"',
    '"b.safetensors"',
  )
  await expectRefused(
    await folderWith({ one: 'b.safetensors', two: 'a.safetensors' }, shards),
    'format',
    '"one"',
    '"b.safetensors"',
  )
})

test('a tensor in two shards is named, with both', async () => {
  const shards = { 'a.safetensors': { one }, 'b.safetensors': { one, two } }
  const folder = await folderWith({ one: 'a.safetensors', two: 'b.safetensors' }, shards)
  await expectRefused(folder, 'format', '"one"', '"a.safetensors"', '"b.safetensors"')
})

test('a shard that breaks the format is named', async () => {
  const folder = await folderWith({ one: 'bad.safetensors' }, {})
  await writeFile(join(folder, 'bad.safetensors'), 'not weights')
  await expectRefused(folder, 'format', 'bad.safetensors: ')
})

test('shard names that lead out of the folder are refused, also when the file is there', async () => {
  await writeSafetensors(join(root, 'outside.safetensors'), { one })
  const outside = [
    '../outside.safetensors',
    'x/../../outside.safetensors',
    join(root, 'outside.safetensors'),
    '..',
    '',
    '/',
  ]
  const other = ['C:\\outside.safetensors', '..\\outside.safetensors', 'a\0.safetensors']
  for (const name of [...outside, ...other])
    await expectRefused(await folderWith({ one: name }, {}), 'format', 'shard name', 'inside the folder')
})

test('links that lead out of the folder are refused, links inside it are followed', async () => {
  await writeSafetensors(join(root, 'target.safetensors'), { one })
  const outside = await folderWith({ one: 'link.safetensors' }, {})
  await symlink('../target.safetensors', join(outside, 'link.safetensors'))
  await expectRefused(outside, 'format', 'link.safetensors', 'outside')

  const single = join(root, 'single-link')
  await mkdir(single)
  await symlink('../target.safetensors', join(single, 'model.safetensors'))
  await expectRefused(single, 'format', 'model.safetensors', 'outside')

  const inside = await folderWith({ one: 'link.safetensors' }, { 'a.safetensors': { one } })
  await symlink('a.safetensors', join(inside, 'link.safetensors'))
  await (await openSafetensorsFolder(inside)).close()
})

test('the links of a Hugging Face cache are followed, and messages keep the name of the link', async () => {
  const repository = join(root, 'models--someone--something')
  const snapshot = join(repository, 'snapshots', 'abc')
  await mkdir(snapshot, { recursive: true })
  await mkdir(join(repository, 'blobs'))
  await writeSafetensors(join(repository, 'blobs', 'f00d'), { one })
  await symlink('../../blobs/f00d', join(snapshot, 'model.safetensors'))
  const source = await openSafetensorsFolder(snapshot)
  expect(source.infos.get('one')?.file).toBe('model.safetensors')
  await source.close()
})

test('an index that is not what it should be is refused', async () => {
  for (const text of ['', 'null', '[]', '{}', '{"weight_map":[]}', '{"weight_map":{"a":1}}', '{"weight_map":{}}x'])
    await expectRefused(await folderWith(text, {}), 'format', 'model.safetensors.index.json: ')
  await expectRefused(
    await folderWith('{"weight_map":{"a":"x","\\u0061":"y"}}', {}),
    'format',
    '"weight_map"',
    '"a"',
    'twice',
  )
})
