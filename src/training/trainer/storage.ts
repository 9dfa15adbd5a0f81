import { open } from 'node:fs/promises'
import { type Tensor, writeSafetensors } from '../../tensor/index.ts'

/** How checkpoints reach the disk. Tests put one in its place that is slow, or full. */
export interface Storage {
  /** Both return when the content is on the disk, not only in the system's memory. */
  writeTensors(path: string, tensors: ReadonlyMap<string, Tensor>): Promise<void>
  writeText(path: string, text: string): Promise<void>
}

export const disk: Storage = {
  writeTensors: (path, tensors) =>
    writeSafetensors(
      path,
      Array.from(tensors, ([name, tensor]) => ({ name, tensor })),
    ),
  async writeText(path, text) {
    const handle = await open(path, 'w')
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
}

/** True where the error, or what caused it, is a full disk. */
export function isDiskFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') return true
  }
  return false
}
