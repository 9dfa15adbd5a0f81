import { accessSync, constants } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A new folder for tests that write many checkpoints, in memory where the system has such folders: nothing waits for a disk. */
export function scratchFolder(): Promise<string> {
  return mkdtemp(join(memoryFolder() ?? tmpdir(), 'paceline-'))
}

function memoryFolder(): string | undefined {
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return undefined
  }
}
