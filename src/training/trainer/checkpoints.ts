import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { syncFolder } from '../../files.ts'
import type { Tensor } from '../../tensor/index.ts'
import { readCheckpoint, type StoredCheckpoint, type TrainerState, writeCheckpoint } from './checkpoint-file.ts'
import type { RunIdentity } from './identity.ts'
import { disk, isDiskFull, type Storage } from './storage.ts'

export interface CheckpointsOptions {
  /** How many of the newest are kept, at least 1; the best one, and the one from which a run
   * can be extended, are kept besides. Two outlive a damaged newest one. */
  readonly keep?: number
  readonly storage?: Storage
}

/**
 * The checkpoints of one run: `folder/update-00001200/` and so on. Each is written under another name, synced and then
 * renamed, so that whoever looks at any moment, also after a crash, finds only whole ones.
 */
export class Checkpoints {
  readonly folder: string
  readonly #keep: number
  readonly #storage: Storage
  #newest: string | null = null

  constructor(folder: string, { keep = 2, storage = disk }: CheckpointsOptions = {}) {
    if (!(Number.isInteger(keep) && keep >= 1))
      throw new PacelineError('argument', `keep is ${keep}, expected a number of checkpoints, 1 or more.`)
    this.folder = folder
    this.#keep = keep
    this.#storage = storage
  }

  /** The newest checkpoint that was written or read; `null` before. */
  get newest(): string | null {
    return this.#newest
  }

  /**
   * Writes a checkpoint, then removes those no longer needed. Throws code `file`; the checkpoints before are then as they
   * were, and the message names the newest.
   */
  async save(identity: RunIdentity, trainer: TrainerState, step: ReadonlyMap<string, Tensor>): Promise<string> {
    const name = nameOf(trainer.updates)
    const unfinished = join(this.folder, `${unfinishedPrefix}${name}`)
    const finished = join(this.folder, name)
    try {
      await mkdir(this.folder, { recursive: true })
      await rm(unfinished, { recursive: true, force: true })
      await mkdir(unfinished)
      await writeCheckpoint(unfinished, { identity, trainer, step }, this.#storage)
      await syncFolder(unfinished)
      // One of the same update is there when this run fell back from a damaged checkpoint.
      await rm(finished, { recursive: true, force: true })
      await rename(unfinished, finished)
      await syncFolder(this.folder)
    } catch (cause) {
      await rm(unfinished, { recursive: true, force: true })
      throw this.#notSaved(name, step, cause)
    }
    this.#newest = finished
    await this.#prune(trainer)
    return finished
  }

  /**
   * The newest whole checkpoint; `null` where there is none. Those that are damaged are told to `onDamaged`, file named,
   * and passed over. Throws code `file` when all are damaged.
   */
  async load(onDamaged: (problem: string) => void): Promise<StoredCheckpoint | null> {
    const problems: string[] = []
    for (const update of (await this.updates()).reverse()) {
      try {
        const checkpoint = await readCheckpoint(join(this.folder, nameOf(update)))
        this.#newest = checkpoint.folder
        for (const problem of problems) onDamaged(`${problem}. Going on from ${nameOf(update)}.`)
        return checkpoint
      } catch (error) {
        if (!PacelineError.isInstance(error) || error.code === 'unsupported') throw error
        problems.push(error.message)
      }
    }
    if (problems.length === 0) return null
    throw new PacelineError('file', `${this.folder}: no checkpoint is whole: ${problems.join('; ')}. Train anew.`)
  }

  /** Reads the checkpoint of one update. Throws as `readCheckpoint` does. */
  read(update: number): Promise<StoredCheckpoint> {
    return readCheckpoint(join(this.folder, nameOf(update)))
  }

  /** The updates after which there is a checkpoint, rising. */
  async updates(): Promise<number[]> {
    const names = await readdir(this.folder).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return []
      throw new PacelineError('file', `${this.folder}: cannot be read: ${cause.message}`, { cause })
    })
    return names
      .flatMap((name) => /^update-(\d+)$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b)
  }

  async #prune({ updates: current, best, stable }: TrainerState): Promise<void> {
    const updates = await this.updates()
    // Newer ones are from before a fall back: they would be taken for the continuation of this one.
    const kept = new Set([...updates.filter((update) => update <= current).slice(-this.#keep), best?.update, stable])
    for (const update of updates)
      if (!kept.has(update)) await rm(join(this.folder, nameOf(update)), { recursive: true, force: true })
    // What a killed process left behind.
    for (const name of await readdir(this.folder))
      if (name.startsWith(unfinishedPrefix)) await rm(join(this.folder, name), { recursive: true, force: true })
  }

  #notSaved(name: string, step: ReadonlyMap<string, Tensor>, cause: unknown): PacelineError {
    const size = [...step.values()].reduce((sum, { data }) => sum + data.byteLength, 0)
    const reason = isDiskFull(cause)
      ? `the disk is full; a checkpoint takes ${Math.ceil(size / 1e6)} MB`
      : (cause as Error).message
    const kept = this.#newest === null ? 'There is none before it.' : `The one before, ${this.#newest}, is intact.`
    return new PacelineError(
      'file',
      `${join(this.folder, name)}: the checkpoint cannot be written: ${reason}. ${kept} Make room, then resume.`,
      { cause },
    )
  }
}

const unfinishedPrefix = '.unfinished-'

/** Fixed width, so that names sort as numbers do. */
function nameOf(update: number): string {
  return `update-${String(update).padStart(8, '0')}`
}
