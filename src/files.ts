import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { PacelineError } from './errors.ts'

/** Replaces a text file as a whole: whatever happens, the old or the new content is there. Throws code `file`. */
export async function replaceText(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`
  try {
    await writeFile(unfinished, text, { flush: true })
    await rename(unfinished, path)
  } catch (cause) {
    await rm(unfinished, { force: true })
    throw new PacelineError('file', `${path}: cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/** Makes names in a folder survive a power cut. Some systems cannot sync a folder; the files are whole there too. */
export async function syncFolder(path: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    await handle.sync()
  } catch {
    // Nothing to do about it.
  } finally {
    await handle?.close()
  }
}

/** Of a file's content, in hexadecimal. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk)
  return hash.digest('hex')
}

/** Whether there is a file or folder of this name that can be reached. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** The text of a file; `undefined` when there is none. Throws code `file`. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new PacelineError('file', `${path}: cannot be read: ${message}`, { cause })
  }
}
