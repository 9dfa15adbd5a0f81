import { open } from 'node:fs/promises'
import { PacelineError } from '../../errors.ts'
import { fileError, readFully } from '../safetensors/files.ts'
import { decodeUtf8, maxHeaderBytes } from '../safetensors/header.ts'
import { JsonReader, quote } from '../safetensors/json-reader.ts'

/**
 * The `weight_map` of an index file, tensor name -> shard file name. `index` begins messages.
 * Throws code `file` when it cannot be read, `format` when it is no such index.
 */
export async function readIndex(path: string, index: string): Promise<ReadonlyMap<string, string>> {
  const handle = await open(path, 'r').catch(fileError(index))
  try {
    const { size } = await handle.stat()
    if (size > maxHeaderBytes)
      throw new PacelineError('format', `${index}: has ${size} bytes, more than the ${maxHeaderBytes} of any index`)
    const bytes = new Uint8Array(size)
    await readFully(handle, bytes, 0, index)
    return parseIndex(bytes, index)
  } finally {
    await handle.close()
  }
}

function parseIndex(json: Uint8Array, index: string): ReadonlyMap<string, string> {
  const fail = (problem: string): never => {
    const where = reader.path.map((key) => `${quote(key)}: `).join('')
    throw new PacelineError('format', `${index}: ${where}${problem}`)
  }
  const text = decodeUtf8(json)
  if (text === undefined) throw new PacelineError('format', `${index}: not valid UTF-8`)
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
