import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { FileSource } from '../file-source.ts'
import { fileError } from '../safetensors/files.ts'
import type { TensorSource } from '../source.ts'
import { parseArchive } from './archive.ts'
import { fileBytes } from './bytes.ts'

/**
 * Opens a `pytorch_model.bin`, a dictionary of tensors as torch.save writes it. Nothing in it is executed, and tensors are
 * read on demand. Checksums are not verified, for that would read all of it. Close it when done.
 * Throws code `file` when it cannot be opened or read, `format` when it breaks a rule of the format, `unsupported` when it
 * holds anything but contiguous tensors.
 */
export async function openPytorch(path: string): Promise<TensorSource> {
  const file = basename(path)
  const handle = await open(path, 'r').catch(fileError(file))
  try {
    const stat = await handle.stat().catch(fileError(file))
    if (!stat.isFile()) throw new PacelineError('file', `${file}: not a file: ${path}`)
    return new FileSource(handle, file, stat.size, await parseArchive(fileBytes(handle, stat.size, file), file))
  } catch (error) {
    await handle.close()
    throw error
  }
}
