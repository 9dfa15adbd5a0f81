import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { pytorchFile } from '../pytorch/write-archive.ts'
import { writeSafetensors } from '../safetensors/writer.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { openWeights } from './weights.ts'

const root = mkdtempSync(join(tmpdir(), 'paceline-weights-'))
afterAll(() => rmSync(root, { recursive: true }))

type Tensors = Record<string, Tensor>

const formats = [
  { whole: 'model.safetensors', ending: 'safetensors', write: writeSafetensors },
  {
    whole: 'pytorch_model.bin',
    ending: 'bin',
    write: (path: string, tensors: Tensors) => writeFile(path, pytorchFile(tensors)),
  },
]

const one = tensor('f32', [2, 1], Float32Array.of(1, 2))
const two = tensor('i32', [1], Int32Array.of(3))

let folders = 0
async function newFolder(): Promise<string> {
  const folder = join(root, `model-${folders++}`)
  await mkdir(folder)
  return folder
}

async function expectRefused(folder: string, code: string, ...words: string[]): Promise<void> {
  const error = await openWeights(folder).catch((error: unknown) => error)
  expect(error).toMatchObject({ code })
  for (const word of words) expect((error as Error).message).toContain(word)
}

describe.each(formats)('$whole', ({ whole, ending, write }) => {
  const index = `${whole}.index.json`
  const a = `a.${ending}`
  const b = `b.${ending}`

  /** A new model folder with an index (an object, or raw text) and shards. */
  async function folderWith(weightMap: object | string, shards: Record<string, Tensors>): Promise<string> {
    const folder = await newFolder()
    const text =
      typeof weightMap === 'string'
        ? weightMap
        : JSON.stringify({ metadata: { total_size: 16.5 }, weight_map: weightMap })
    await writeFile(join(folder, index), text)
    for (const [name, tensors] of Object.entries(shards)) await write(join(folder, name), tensors)
    return folder
  }

  test('a folder with one file is that file', async () => {
    const folder = await newFolder()
    await write(join(folder, whole), { one })
    const source = await openWeights(folder)
    expect((await source.read('one')).data).toEqual(one.data)
    await source.close()
  })

  test('tensors of several shards are read as of one file', async () => {
    const source = await openWeights(await folderWith({ two: b, one: a }, { [a]: { one }, [b]: { two } }))
    expect([...source.infos.values()]).toEqual([
      { name: 'two', dtype: 'i32', shape: [1], file: b },
      { name: 'one', dtype: 'f32', shape: [2, 1], file: a },
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

  test('a missing shard is named, with a tensor it should hold', async () => {
    await expectRefused(await folderWith({ one: 'gone' }, {}), 'file', index, '"gone"', '"one"', 'missing')
  })

  test('a tensor that the index lists in a shard without it is named', async () => {
    const shards = { [a]: { one }, [b]: { two } }
    await expectRefused(await folderWith({ one: a, gone: b }, shards), 'format', '"gone"', `"${b}"`)
    await expectRefused(await folderWith({ one: b, two: a }, shards), 'format', '"one"', `"${b}"`)
  })

  test('a tensor in two shards is named, with both', async () => {
    const folder = await folderWith({ one: a, two: b }, { [a]: { one }, [b]: { one, two } })
    await expectRefused(folder, 'format', '"one"', `"${a}"`, `"${b}"`)
  })

  test('a shard that breaks the format is named', async () => {
    const folder = await folderWith({ one: a }, {})
    await writeFile(join(folder, a), 'not weights')
    await expectRefused(folder, 'format', `${a}: `)
  })

  test('shard names that lead out of the folder are refused, also when the file is there', async () => {
    const file = `outside.${ending}`
    await write(join(root, file), { one })
    const outside = [`../${file}`, `x/../../${file}`, join(root, file), '..', '', '/']
    for (const name of [...outside, `C:\\${file}`, `..\\${file}`, `a\0.${ending}`])
      await expectRefused(await folderWith({ one: name }, {}), 'format', index, 'file name', 'inside the folder')
  })

  test('links that lead out of the folder are refused, links inside it are followed', async () => {
    const link = `link.${ending}`
    await write(join(root, `target.${ending}`), { one })
    const outside = await folderWith({ one: link }, {})
    await symlink(`../target.${ending}`, join(outside, link))
    await expectRefused(outside, 'format', link, 'outside')

    const single = await newFolder()
    await symlink(`../target.${ending}`, join(single, whole))
    await expectRefused(single, 'format', whole, 'outside')

    const inside = await folderWith({ one: link }, { [a]: { one } })
    await symlink(a, join(inside, link))
    await (await openWeights(inside)).close()
  })

  test('the links of a Hugging Face cache are followed, and messages keep the name of the link', async () => {
    const repository = join(root, `models--someone--${ending}`)
    const snapshot = join(repository, 'snapshots', 'abc')
    await mkdir(snapshot, { recursive: true })
    await mkdir(join(repository, 'blobs'))
    await write(join(repository, 'blobs', 'f00d'), { one })
    await symlink('../../blobs/f00d', join(snapshot, whole))
    const source = await openWeights(snapshot)
    expect(source.infos.get('one')?.file).toBe(whole)
    await source.close()
  })

  test('a link to nothing is told from no file', async () => {
    const folder = await newFolder()
    await symlink('../gone', join(folder, whole))
    await expectRefused(folder, 'file', whole, 'a link to a file that is not there')
  })

  test('an index that is not what it should be is refused', async () => {
    for (const text of ['', 'null', '[]', '{}', '{"weight_map":[]}', '{"weight_map":{"a":1}}', '{"weight_map":{}}x'])
      await expectRefused(await folderWith(text, {}), 'format', `${index}: `)
    const twice = await folderWith('{"weight_map":{"a":"x","\\u0061":"y"}}', {})
    await expectRefused(twice, 'format', '"weight_map"', '"a"', 'twice')
  })
})

test('safetensors go before what torch.save wrote, of which nothing is read then', async () => {
  const folder = await newFolder()
  await writeSafetensors(join(folder, 'a.safetensors'), { one })
  await writeFile(join(folder, 'model.safetensors.index.json'), '{"weight_map":{"one":"a.safetensors"}}')
  await writeFile(join(folder, 'pytorch_model.bin'), 'not weights')
  const source = await openWeights(folder)
  expect([...source.infos.keys()]).toEqual(['one'])
  await source.close()
})

test('of other files the first that is there is read, by its ending', async () => {
  const folder = await newFolder()
  await writeFile(join(folder, 'head.pt'), pytorchFile({ one }))
  const source = await openWeights(folder, ['head.safetensors', 'head.pt'])
  expect((await source.read('one')).data).toEqual(one.data)
  await source.close()
})

test('a folder that is missing, or without weights, is an error of code file', async () => {
  await expectRefused(join(root, 'none'), 'file', 'ENOENT')
  const empty = await newFolder()
  await expectRefused(empty, 'file', 'holds neither model.safetensors nor pytorch_model.bin')
})
