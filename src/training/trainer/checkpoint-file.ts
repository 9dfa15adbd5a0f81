import { basename, join } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { readIfThere, sha256 } from '../../files.ts'
import { openSafetensors, type Tensor } from '../../tensor/index.ts'
import type { Spent } from './budget.ts'
import type { WatchState } from './divergence.ts'
import type { Means } from './evaluate.ts'
import type { RunIdentity } from './identity.ts'
import type { Storage } from './storage.ts'

/*
 * A checkpoint is a folder of two files: state.safetensors, what the training step needs, and trainer.json, everything
 * else. trainer.json holds the hash of the other, so a folder is whole or known not to be.
 */

const formatVersion = 1
const stateFile = 'state.safetensors'
const trainerFile = 'trainer.json'

/** What the trainer knows between two updates, apart from the step's tensors. JSON. */
export interface TrainerState extends Spent {
  /** Position in the data, as its stream tells it. */
  readonly data: unknown
  readonly watch: WatchState
  /** The lowest validation loss so far, and after which update. */
  readonly best: Evaluated | null
  /** The update after which the learning rate began to fall, where a run can be extended from; `null` before. */
  readonly stable: number | null
  /** Of the newest evaluation. */
  readonly evaluated: Evaluated | null
  /** Of the evaluation before the first update, where a guard wants one. */
  readonly baseline?: Evaluated
}

/** Means over the validation data. */
export interface Evaluated extends Means {
  readonly update: number
}

export interface StoredCheckpoint {
  readonly folder: string
  readonly identity: RunIdentity
  readonly trainer: TrainerState
  readonly step: ReadonlyMap<string, Tensor>
}

export async function writeCheckpoint(
  folder: string,
  { identity, trainer, step }: Omit<StoredCheckpoint, 'folder'>,
  storage: Storage,
): Promise<void> {
  await storage.writeTensors(join(folder, stateFile), step)
  const content = { format: formatVersion, stateSha256: await sha256(join(folder, stateFile)), identity, trainer }
  await storage.writeText(join(folder, trainerFile), `${JSON.stringify(content, null, 2)}\n`)
}

/**
 * Reads a checkpoint folder. Throws code `format` when it is not whole, `file` when it cannot be read, `unsupported` for
 * one of another version.
 */
export async function readCheckpoint(folder: string): Promise<StoredCheckpoint> {
  const name = (file: string) => join(basename(folder), file)
  const damaged = (file: string, problem: string, cause?: unknown) =>
    new PacelineError('format', `${name(file)}: ${problem}`, { cause })

  const text = await readIfThere(join(folder, trainerFile))
  if (text === undefined) throw damaged(trainerFile, 'is missing')
  let content: Partial<{ format: number; stateSha256: string; identity: RunIdentity; trainer: TrainerState }>
  try {
    content = JSON.parse(text)
  } catch (cause) {
    throw damaged(trainerFile, `not valid JSON: ${(cause as Error).message}`, cause)
  }
  const { format, stateSha256, identity, trainer } = content ?? {}
  if (format !== formatVersion)
    throw new PacelineError(
      'unsupported',
      `${name(trainerFile)}: format is ${JSON.stringify(format)}, this version reads ${formatVersion}.`,
    )
  if (stateSha256 === undefined || identity === undefined || !Number.isSafeInteger(trainer?.updates))
    throw damaged(trainerFile, 'expected the fields stateSha256, identity and trainer')

  const state = join(folder, stateFile)
  const found = await sha256(state).catch((cause) => {
    throw damaged(stateFile, `cannot be read: ${(cause as Error).message}`, cause)
  })
  if (found !== stateSha256)
    throw damaged(stateFile, `its hash is ${found.slice(0, 12)}..., expected ${stateSha256.slice(0, 12)}...: damaged`)

  const step = new Map<string, Tensor>()
  const source = await openSafetensors(state)
  try {
    for (const tensor of source.infos.keys()) step.set(tensor, await source.read(tensor))
  } finally {
    await source.close()
  }
  return { folder, identity, trainer: trainer!, step }
}
