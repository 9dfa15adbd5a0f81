import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncFolder } from '../../files.ts'
import type { Tensor } from '../tensor.ts'
import { encode, type NamedTensor } from './encode.ts'
import { fileError, writeFully } from './files.ts'

/**
 * Writes tensors as a safetensors file, atomically: whatever happens, `path` holds either its old content or all of the
 * new. Equal content gives equal bytes.
 * Throws code `argument` for a name or value the format cannot hold, `file` when writing fails.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<NamedTensor> | Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const file = basename(path)
  const named = isIterable(tensors) ? [...tensors] : Object.entries(tensors).map(([name, tensor]) => ({ name, tensor }))
  const pieces = encode(named, new Map(Object.entries(metadata)), file)
  // In the same folder, because a rename is atomic only within one file system.
  const temporary = join(dirname(path), `.${file}.${randomUUID()}.tmp`)
  try {
    await writeAndSync(temporary, pieces, file)
    await rename(temporary, path).catch(fileError(file))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

async function writeAndSync(path: string, pieces: readonly Uint8Array[], where: string): Promise<void> {
  const handle = await open(path, 'wx').catch(fileError(where))
  try {
    for (const piece of pieces) await writeFully(handle, piece, where)
    await handle.sync().catch(fileError(where))
  } finally {
    await handle.close()
  }
}

function isIterable<T>(value: object): value is Iterable<T> {
  return Symbol.iterator in value
}
