import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { readIfThere, replaceText } from '../../files.ts'
import { Checkpoints, Curve } from '../trainer/index.ts'

/*
 * A run is a folder:
 *   run.json      the record below
 *   tokenizer/    the tokenizer's files
 *   checkpoints/  the newest and the best
 *   curve.csv, curve.svg
 *   model/        what came of it, once it has ended
 *   training.lock while a process trains in it
 */

/** Everything needed to make the run again, and to read its checkpoints. JSON. */
export interface RunRecord {
  readonly format: 1
  /** What was trained: "lm" ... */
  readonly method: string
  /** The command line. */
  readonly command: string
  /** The options of the command with their values, also those that were not given. */
  readonly options: Readonly<Record<string, unknown>>
  /** What config.json says of a model; of a head, what its method needs to know. */
  readonly model: Readonly<Record<string, unknown>>
  /** What the data were. */
  readonly data: Readonly<Record<string, unknown>>
}

export interface RunFolder {
  readonly folder: string
  readonly record: string
  readonly tokenizer: string
  readonly checkpoints: Checkpoints
  readonly curve: Curve
  readonly chart: string
  readonly model: string
}

export function runFolder(folder: string, keep?: number): RunFolder {
  return {
    folder,
    record: join(folder, 'run.json'),
    tokenizer: join(folder, 'tokenizer'),
    checkpoints: new Checkpoints(join(folder, 'checkpoints'), keep === undefined ? {} : { keep }),
    curve: new Curve(join(folder, 'curve.csv')),
    chart: join(folder, 'curve.svg'),
    model: join(folder, 'model'),
  }
}

/** Writes the record and copies the tokenizer's files from `tokenizer`. Throws code `file`. */
export async function writeRecord(run: RunFolder, record: RunRecord, tokenizer: string): Promise<void> {
  try {
    await mkdir(run.tokenizer, { recursive: true })
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      await copyFile(join(tokenizer, file), join(run.tokenizer, file))
  } catch (cause) {
    throw new PacelineError('file', `${run.folder}: cannot be written: ${(cause as Error).message}`, { cause })
  }
  await replaceText(run.record, `${JSON.stringify(record, null, 2)}\n`)
}

/** Throws code `file` where `run.folder` is no run, `format` where its record cannot be read. */
export async function readRecord(run: RunFolder): Promise<RunRecord> {
  const text = await readIfThere(run.record)
  if (text === undefined)
    throw new PacelineError('file', `${run.folder}: there is no run.json. Expected the folder of a training run.`)
  let record: Partial<RunRecord>
  try {
    record = JSON.parse(text)
  } catch (cause) {
    throw new PacelineError('format', `${run.record}: not valid JSON: ${(cause as Error).message}`, { cause })
  }
  if (record?.format !== 1)
    throw new PacelineError('unsupported', `${run.record}: format is ${JSON.stringify(record?.format)}, expected 1.`)
  for (const name of ['options', 'model', 'data'] as const)
    if (typeof record[name] !== 'object' || record[name] === null)
      throw new PacelineError(
        'format',
        `${run.record}: ${name} is ${JSON.stringify(record[name])}, expected an object.`,
      )
  return record as RunRecord
}
