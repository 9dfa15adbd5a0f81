import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { FileSource } from '../file-source.ts'
import type { TensorSource } from '../source.ts'
import { fileError, readFully } from './files.ts'
import { headerLength, parseHeader, prefixBytes } from './header.ts'

/** An open safetensors file. Tensors are read on demand; only the header stays in memory. */
export interface SafetensorsFile extends TensorSource {
  /** The file's `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Opens a safetensors file and validates its header. Close it when done.
 * Throws code `file` when it cannot be opened or read, `format` when it breaks a rule of the format.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = basename(path)
  const handle = await open(path, 'r').catch(fileError(file))
  try {
    const stat = await handle.stat().catch(fileError(file))
    if (!stat.isFile()) throw new PacelineError('file', `${file}: not a file: ${path}`)
    const prefix = new Uint8Array(Math.min(stat.size, prefixBytes))
    await readFully(handle, prefix, 0, file)
    const json = new Uint8Array(headerLength(prefix, stat.size, file))
    await readFully(handle, json, 8, file)
    const { tensors, metadata } = parseHeader(json, stat.size, file)
    return Object.assign(new FileSource(handle, file, stat.size, tensors), { metadata })
  } catch (error) {
    await handle.close()
    throw error
  }
}
