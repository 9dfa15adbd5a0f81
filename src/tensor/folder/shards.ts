import { PacelineError } from '../../errors.ts'
import { quote } from '../safetensors/json-reader.ts'
import type { TensorInfo, TensorSource } from '../source.ts'
import type { Tensor } from '../tensor.ts'
import { pathInside } from './inside.ts'

/**
 * Opens the shards that an index file of the folder `root` lists (tensor name -> shard file name), as one source.
 * Throws code `file` where one is missing, `format` where the index and the shards disagree, and as `open` does.
 */
export async function openShards(
  root: string,
  index: string,
  shardOf: ReadonlyMap<string, string>,
  open: (path: string) => Promise<TensorSource>,
): Promise<TensorSource> {
  const shards = new Map<string, TensorSource>()
  const close = async () => {
    await Promise.all(Array.from(shards.values(), (shard) => shard.close()))
  }
  try {
    for (const [name, shard] of shardOf) {
      if (shards.has(shard)) continue
      const path = await pathInside(root, shard, index)
      if (path === undefined)
        throw new PacelineError('file', `${index}: the shard ${quote(shard)} of tensor ${quote(name)} is missing`)
      shards.set(shard, await open(path))
    }
    checkPlaces(index, shardOf, shards)
  } catch (error) {
    await close()
    throw error
  }

  const infos = new Map<string, TensorInfo>()
  for (const [name, shard] of shardOf) infos.set(name, shards.get(shard)!.infos.get(name)!)
  const shardWith = (name: string): TensorSource => {
    const shard = shardOf.get(name)
    if (shard === undefined) throw new PacelineError('checkpoint', `${index}: there is no tensor ${quote(name)}`)
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
function checkPlaces(
  index: string,
  shardOf: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, TensorSource>,
): void {
  const found = new Map<string, string>()
  for (const [shard, { infos }] of shards) {
    for (const name of infos.keys()) {
      const other = found.get(name)
      if (other !== undefined)
        throw new PacelineError(
          'format',
          `${index}: tensor ${quote(name)} is in ${quote(other)} and in ${quote(shard)}`,
        )
      found.set(name, shard)
    }
  }
  for (const [name, shard] of shardOf) {
    if (found.get(name) !== shard)
      throw new PacelineError(
        'format',
        `${index}: tensor ${quote(name)} is listed in ${quote(shard)}, but is not there`,
      )
  }
}
