import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { PacelineError } from '../../errors.ts'
import { readIfThere, replaceText } from '../../files.ts'
import { linesOf } from '../data/index.ts'
import { firstDifference, type RunIdentity } from '../trainer/index.ts'

/*
 * What is collected is a file that only grows, a JSON object a line, and beside it FILE.collect.json:
 *   identity   what the lines follow from: model, prompts, options. The same identity gives the same lines.
 *   counts     what was in the file when the last run ended in good order; the file itself is what counts.
 * A run that is killed leaves at worst half a line at the end.
 */

interface Sidecar {
  readonly format: 1
  readonly identity: RunIdentity
  readonly counts: Readonly<Record<string, unknown>>
}

/** The name of the file beside `path`. */
export function sidecarOf(path: string): string {
  return `${path.replace(/\.jsonl$/, '')}.collect.json`
}

/** Finds out before long work whether a collection may begin, or go on, at `path`. Throws code `file`. */
export async function requireCollectable(path: string, mode: 'new' | 'replace' | 'resume'): Promise<void> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw failed(path, 'opened', cause)
  })
  if (found !== undefined && !found.isFile())
    throw new PacelineError('file', `${path}: is there and not a file. Name another one.`)
  if (mode === 'new' && found !== undefined)
    throw new PacelineError(
      'file',
      `${path}: is there already. Go on with --resume, replace it with --force, or name another file.`,
    )
  if (mode === 'resume') await readSidecar(path)
}

/** The file of a collection, open at its end. `Row` is an object that JSON can hold. */
export class RecordFile<Row extends object> {
  readonly path: string
  private readonly handle: FileHandle
  private readonly identity: RunIdentity
  private size: number

  private constructor(path: string, handle: FileHandle, identity: RunIdentity, size: number) {
    this.path = path
    this.handle = handle
    this.identity = identity
    this.size = size
  }

  /** Begins a file, in place of one that is there. Throws code `file`. */
  static async create<Row extends object>(path: string, identity: RunIdentity): Promise<RecordFile<Row>> {
    await rm(path, { force: true }).catch((cause) => {
      throw failed(path, 'replaced', cause)
    })
    // The sidecar first: a file of rows is never without one.
    await writeSidecar(path, identity, {})
    return new RecordFile<Row>(path, await opened(path), identity, 0)
  }

  /**
   * Goes on with a file. Half a line at its end is cut off; `onLine` sees every other line, with where it is.
   * Throws code `file`, `format`, `argument` naming the first field of the identity that differs, and what `onLine` throws.
   */
  static async resume<Row extends object>(
    path: string,
    identity: RunIdentity,
    onLine: (line: string, where: string) => void,
  ): Promise<RecordFile<Row>> {
    const { identity: stored } = await readSidecar(path)
    const difference = firstDifference(stored, identity)
    if (difference !== undefined)
      throw new PacelineError(
        'argument',
        `${sidecarOf(path)}: ${difference.field} was ${difference.stored} when this collection began and is ` +
          `${difference.current} now. Go on with the same value, or collect into another file.`,
      )
    const handle = await opened(path)
    try {
      const size = await cutTornLine(handle)
      let line = 0
      if (size > 0) for await (const text of linesOf(path)) onLine(text, `${path}, line ${++line}`)
      return new RecordFile<Row>(path, handle, identity, size)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Bytes. */
  get length(): number {
    return this.size
  }

  /** Adds a row. When this returns, the end of the process cannot take it away. Throws code `file`. */
  async append(row: Row): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(row)}\n`)
    await this.handle.appendFile(line).catch((cause) => {
      throw failed(this.path, 'written', cause)
    })
    this.size += line.length
  }

  /** Puts everything on the disk and writes the counts beside it. Throws code `file`. */
  async finish(counts: Readonly<Record<string, unknown>>): Promise<void> {
    await this.handle.sync().catch((cause) => {
      throw failed(this.path, 'written', cause)
    })
    await writeSidecar(this.path, this.identity, counts)
  }

  close(): Promise<void> {
    return this.handle.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

async function opened(path: string): Promise<FileHandle> {
  return open(path, 'a+').catch((cause) => {
    throw failed(path, 'written', cause)
  })
}

/** Cuts off what follows the last line end, and returns the size in bytes that is left. */
async function cutTornLine(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat()
  const block = Buffer.alloc(1 << 16)
  let end = size
  let keep = 0
  while (end > 0 && keep === 0) {
    const start = Math.max(0, end - block.length)
    const { bytesRead } = await handle.read(block, 0, end - start, start)
    keep = 1 + block.subarray(0, bytesRead).lastIndexOf('\n')
    if (keep > 0) keep += start
    end = start
  }
  if (keep < size) await handle.truncate(keep)
  return keep
}

async function readSidecar(path: string): Promise<Sidecar> {
  const file = sidecarOf(path)
  const text = await readIfThere(file)
  if (text === undefined)
    throw new PacelineError('file', `${file}: is not there, so there is nothing to resume. Begin without --resume.`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new PacelineError('format', `${file}: not valid JSON: ${(cause as Error).message}. Begin with --force.`, {
      cause,
    })
  }
  const sidecar = value as Partial<Sidecar> | null
  if (sidecar?.format !== 1 || typeof sidecar.identity !== 'object' || sidecar.identity === null)
    throw new PacelineError('format', `${file}: not a collection of this version ("format": 1). Begin with --force.`)
  return sidecar as Sidecar
}

function writeSidecar(path: string, identity: RunIdentity, counts: Sidecar['counts']): Promise<void> {
  const sidecar: Sidecar = { format: 1, identity, counts }
  return replaceText(sidecarOf(path), `${JSON.stringify(sidecar, null, 2)}\n`)
}

function failed(path: string, what: string, cause: unknown): PacelineError {
  return new PacelineError('file', `${path}: cannot be ${what}: ${(cause as Error).message}`, { cause })
}
