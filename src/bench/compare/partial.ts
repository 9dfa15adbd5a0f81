import { rm } from 'node:fs/promises'
import { PacelineError } from '../../errors.ts'
import { RecordFile, requireCollectable, sidecarOf } from '../../training/index.ts'
import type { BenchRecord } from './records.ts'

/** Where the records of an unfinished measurement are kept whose result is to be `path`. */
export function partialOf(path: string): string {
  return `${path}.partial.jsonl`
}

/** Finds out before long work whether a measurement may begin, or go on. Throws code `file`. */
export async function requirePartial(path: string, mode: 'new' | 'replace' | 'resume'): Promise<void> {
  await requireCollectable(partialOf(path), mode)
}

export interface PartialFile {
  /** Those of earlier runs. */
  readonly known: readonly BenchRecord[]
  append(record: BenchRecord): Promise<void>
  /** Keeps the file for another run, or removes it where everything is done. */
  finish(complete: boolean): Promise<void>
}

/**
 * Opens the file of records. `identity`: what has to be the same for records to belong together.
 * Throws as `RecordFile` does, and code `format` for a line that is none of ours.
 */
export async function openPartial(
  path: string,
  identity: Readonly<Record<string, unknown>>,
  resume: boolean,
): Promise<PartialFile> {
  const name = partialOf(path)
  const known: BenchRecord[] = []
  const file = resume
    ? await RecordFile.resume<BenchRecord>(name, identity, (line, where) => known.push(parse(line, where)))
    : await RecordFile.create<BenchRecord>(name, identity)
  return {
    known,
    append: (record) => file.append(record),
    async finish(complete) {
      if (!complete) await file.finish({})
      await file.close()
      if (complete) for (const done of [name, sidecarOf(name)]) await rm(done, { force: true })
    },
  }
}

function parse(line: string, where: string): BenchRecord {
  let value: { kind?: unknown } | null = null
  try {
    value = JSON.parse(line)
  } catch {
    // Refused below.
  }
  if (value?.kind !== 'prompt' && value?.kind !== 'dtype')
    throw new PacelineError('format', `${where}: not a record of a measurement; begin again without --resume.`)
  return value as BenchRecord
}
