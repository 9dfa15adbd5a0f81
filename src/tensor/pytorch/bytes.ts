import type { FileHandle } from 'node:fs/promises'
import { readFully } from '../safetensors/files.ts'

/** Bytes that are read where they are needed: a file, or in tests an array. */
export interface RandomAccess {
  readonly size: number
  /** Fills `bytes` from `position` on; all of them lie within `size`. */
  read(bytes: Uint8Array, position: number): Promise<void>
}

export function fileBytes(handle: FileHandle, size: number, file: string): RandomAccess {
  return { size, read: (bytes, position) => readFully(handle, bytes, position, file) }
}
