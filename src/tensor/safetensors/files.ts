import type { FileHandle } from 'node:fs/promises'
import { PacelineError } from '../../errors.ts'

/** Fills `bytes` from `position` on. Throws code `file`; `where` begins the message. */
export async function readFully(handle: FileHandle, bytes: Uint8Array, position: number, where: string): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(bytes.length - done, maxTransfer)
    const { bytesRead } = await handle.read(bytes, done, length, position + done).catch(fileError(where))
    if (bytesRead === 0) throw new PacelineError('file', `${where}: the file ended at byte ${position + done}`)
    done += bytesRead
  }
}

/** Appends all of `bytes`. Throws code `file`; `where` begins the message. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, where: string): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(bytes.length - done, maxTransfer)
    const { bytesWritten } = await handle.write(bytes, done, length).catch(fileError(where))
    done += bytesWritten
  }
}

/** For `catch`: turns a failure of the file system into a PacelineError of code `file`. */
export function fileError(where: string): (error: unknown) => never {
  return (error) => {
    throw new PacelineError('file', `${where}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
}

/** The memory of a typed array as bytes, not copied. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** Throws code `format` where `prefix`, the beginning of a file, is that of the pointer Git LFS keeps in place of a file. */
export function refuseLfsPointer(prefix: Uint8Array, file: string): void {
  if (new TextDecoder('latin1').decode(prefix).startsWith('version https://git-lfs'))
    throw new PacelineError(
      'format',
      `${file}: this is a Git LFS pointer, not the file itself: run \`git lfs pull\` in its folder`,
    )
}

/** One system call moves less than 2 GiB. */
const maxTransfer = 2 ** 30
