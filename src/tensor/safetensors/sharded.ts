import { open, realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { PacelineError } from '../../errors.ts'
import type { TensorInfo, TensorSource } from '../source.ts'
import type { Tensor } from '../tensor.ts'
import { fileError, readFully } from './files.ts'
import { decodeUtf8, maxHeaderBytes } from './header.ts'
import { JsonReader, quote } from './json-reader.ts'
import { openSafetensors, type SafetensorsFile } from './reader.ts'

const singleName = 'model.safetensors'
const indexName = 'model.safetensors.index.json'

/**
 * Opens the weights of a model folder: `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
 * Close it when done. Throws code `file` when a file cannot be opened, `format` when one breaks its format, leads outside
 * the folder, or the index and the shards disagree.
 */
export async function openSafetensorsFolder(folder: string): Promise<TensorSource> {
  const root = await realpath(folder).catch(fileError(basename(folder)))
  const single = await resolveInside(root, singleName)
  if (single !== undefined) return openSafetensors(single)
  const index = await resolveInside(root, indexName)
  if (index === undefined)
    throw new PacelineError(
      'file',
      `${basename(root)}: holds neither ${singleName} nor ${indexName}; weights in other formats must be converted first`,
    )
  return openShards(root, parseIndex(await readIndex(index)))
}

/** The `weight_map` of an index: tensor name -> shard file name. Throws code `format`. */
export function parseIndex(json: Uint8Array): ReadonlyMap<string, string> {
  const fail = (problem: string): never => {
    const where = reader.path.map((key) => `${quote(key)}: `).join('')
    throw new PacelineError('format', `${indexName}: ${where}${problem}`)
  }
  const text = decodeUtf8(json)
  if (text === undefined) throw new PacelineError('format', `${indexName}: not valid UTF-8`)
  const reader = new JsonReader(text, fail)
  let shardOf: Map<string, string> | undefined
  reader.object((field) => {
    if (field !== 'weight_map') return reader.skip()
    const map = new Map<string, string>()
    reader.object((name) => map.set(name, reader.string()))
    shardOf = map
  })
  reader.end()
  return shardOf ?? fail('the field "weight_map" is missing')
}

async function openShards(root: string, shardOf: ReadonlyMap<string, string>): Promise<TensorSource> {
  const shards = new Map<string, SafetensorsFile>()
  const close = async () => {
    await Promise.all(Array.from(shards.values(), (shard) => shard.close()))
  }
  try {
    for (const [name, shard] of shardOf) {
      if (shards.has(shard)) continue
      const path = await resolveInside(root, shard)
      if (path === undefined)
        throw new PacelineError('file', `${indexName}: the shard ${quote(shard)} of tensor ${quote(name)} is missing`)
      shards.set(shard, await openSafetensors(path))
    }
    checkPlaces(shardOf, shards)
  } catch (error) {
    await close()
    throw error
  }

  const infos = new Map<string, TensorInfo>()
  for (const [name, shard] of shardOf) infos.set(name, shards.get(shard)!.infos.get(name)!)
  const shardWith = (name: string): SafetensorsFile => {
    const shard = shardOf.get(name)
    if (shard === undefined) throw new PacelineError('checkpoint', `${indexName}: there is no tensor ${quote(name)}`)
    return shards.get(shard)!
  }
  return {
    infos,
    close,
    read: async (name): Promise<Tensor> => shardWith(name).read(name),
    readRows: async (name, start, end): Promise<Tensor> => shardWith(name).readRows(name, start, end),
  }
}

/** Checks that no tensor is in two shards, and every one is where the index says. */
function checkPlaces(shardOf: ReadonlyMap<string, string>, shards: ReadonlyMap<string, SafetensorsFile>): void {
  const found = new Map<string, string>()
  for (const [shard, { infos }] of shards) {
    for (const name of infos.keys()) {
      const other = found.get(name)
      if (other !== undefined)
        throw new PacelineError(
          'format',
          `${indexName}: tensor ${quote(name)} is in ${quote(other)} and in ${quote(shard)}`,
        )
      found.set(name, shard)
    }
  }
  for (const [name, shard] of shardOf) {
    if (found.get(name) !== shard)
      throw new PacelineError(
        'format',
        `${indexName}: tensor ${quote(name)} is listed in ${quote(shard)}, but is not there`,
      )
  }
}

/**
 * The path of `name` in the folder `root` (a real path), or `undefined` where there is no such file.
 * A downloaded folder decides nothing about files elsewhere: throws code `format` when the name or a link leaves it.
 */
async function resolveInside(root: string, name: string): Promise<string | undefined> {
  if (!/^[^/\\:\0][^\\:\0]*$/.test(name) || name.split('/').includes('..'))
    throw new PacelineError('format', `${indexName}: the shard name ${quote(name)} is not a path inside the folder`)
  const path = join(root, name)
  const target = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    return error.code === 'ENOENT' ? undefined : fileError(name)(error)
  })
  if (target === undefined) return undefined
  if (target.startsWith(root + sep)) return path
  // In the Hugging Face cache, snapshots/<revision>/ holds links to files in blobs/ of the same repository.
  const isSnapshot = basename(dirname(root)) === 'snapshots'
  if (isSnapshot && dirname(target) === join(root, '..', '..', 'blobs')) return path
  throw new PacelineError('format', `${name}: is a link that leads outside its folder, to ${target}`)
}

async function readIndex(path: string): Promise<Uint8Array> {
  const handle = await open(path, 'r').catch(fileError(indexName))
  try {
    const { size } = await handle.stat()
    if (size > maxHeaderBytes)
      throw new PacelineError('format', `${indexName}: has ${size} bytes, more than the ${maxHeaderBytes} of any index`)
    const bytes = new Uint8Array(size)
    await readFully(handle, bytes, 0, indexName)
    return bytes
  } finally {
    await handle.close()
  }
}
