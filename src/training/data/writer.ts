import { randomUUID } from 'node:crypto'
import { copyFile, type FileHandle, lstat, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { type Amount, type DatasetInfo, infoFile, splitNames } from './format.ts'

/** One document as it is stored. */
export interface StoredDocument {
  readonly ids: readonly number[]
  /** As many as ids, 0 .. 255. */
  readonly weights: readonly number[]
  readonly responseStart: number
  /** Index of its task. */
  readonly task: number
}

/**
 * Finds out before long work whether a dataset can be stored at `folder`. A folder that is there is replaced only with
 * `force`, and only if it holds a dataset or nothing. Throws code `file`.
 */
export async function requireFree(folder: string, force: boolean): Promise<void> {
  const found = await lstat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    return failed(folder)(error)
  })
  if (found === undefined) return
  if (!found.isDirectory()) throw new PacelineError('file', `${folder}: is there and not a folder. Name another one.`)
  const content = await readdir(folder).catch(failed(folder))
  if (content.length === 0) return
  if (!content.includes(infoFile))
    throw new PacelineError(
      'file',
      `${folder}: holds something other than a dataset, which is never replaced. Name another folder.`,
    )
  if (!force)
    throw new PacelineError('file', `${folder}: holds a dataset already. Name another folder, or use --force.`)
}

/** Writes a dataset beside where it is to be, and puts it there when it is whole. */
export class DatasetWriter {
  readonly temporary: string
  private readonly folder: string
  private readonly splits = new Map<string, SplitWriter>()

  private constructor(folder: string) {
    this.folder = resolve(folder)
    this.temporary = join(dirname(this.folder), `.paceline-data-${randomUUID()}.tmp`)
  }

  /** Throws code `file`. */
  static async create(folder: string): Promise<DatasetWriter> {
    const writer = new DatasetWriter(folder)
    await mkdir(dirname(writer.folder), { recursive: true }).catch(failed(folder))
    await mkdir(writer.temporary).catch(failed(folder))
    return writer
  }

  /** Opens the files of tokens. */
  async begin(bytesPerToken: 2 | 4): Promise<void> {
    for (const split of splitNames)
      this.splits.set(
        split,
        await SplitWriter.create(join(this.temporary, split), join(this.folder, split), bytesPerToken),
      )
  }

  async add(split: (typeof splitNames)[number], document: StoredDocument): Promise<void> {
    await this.splits.get(split)!.add(document)
  }

  /** Puts the files of a tokenizer beside the tokens. */
  async addTokenizer(from: string): Promise<void> {
    for (const file of ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja', 'chat_template.json'])
      await copyFile(join(from, file), join(this.temporary, file)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') failed(join(this.folder, file))(error)
      })
  }

  async addJson(file: string, content: object): Promise<void> {
    const text = `${JSON.stringify(content, null, 2)}\n`
    await writeFile(join(this.temporary, file), text).catch(failed(join(this.folder, file)))
  }

  /** Completes the dataset and puts it in place of what `requireFree` has allowed to be replaced. */
  async finish(info: DatasetInfo, force: boolean): Promise<void> {
    for (const split of this.splits.values()) await split.finish()
    await this.addJson(infoFile, info)
    await requireFree(this.folder, force)
    const old = `${this.temporary}.old`
    const replaced = await rename(this.folder, old).then(
      () => true,
      (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? false : failed(this.folder)(error)),
    )
    await rename(this.temporary, this.folder).catch(async (error) => {
      if (replaced) await rename(old, this.folder)
      failed(this.folder)(error)
    })
    await rm(old, { recursive: true, force: true })
  }

  /** Removes what is not finished. */
  async discard(): Promise<void> {
    for (const split of this.splits.values()) await split.close()
    await rm(this.temporary, { recursive: true, force: true })
  }
}

/** The three files of a split, filled document by document. */
class SplitWriter {
  private tokenCount = 0
  private ids: number[] = []
  private weights: number[] = []
  private documents: number[] = []
  /** What errors call it: the temporary name would tell nobody anything. */
  private readonly name: string
  private readonly bytesPerToken: 2 | 4
  private readonly files: readonly FileHandle[]

  private constructor(name: string, bytesPerToken: 2 | 4, files: readonly FileHandle[]) {
    this.name = name
    this.bytesPerToken = bytesPerToken
    this.files = files
  }

  static async create(path: string, name: string, bytesPerToken: 2 | 4): Promise<SplitWriter> {
    const files: FileHandle[] = []
    for (const part of ['tokens', 'weights', 'documents'])
      files.push(await open(`${path}.${part}.bin`, 'wx').catch(failed(`${name}.${part}.bin`)))
    return new SplitWriter(name, bytesPerToken, files)
  }

  async add({ ids, weights, responseStart, task }: StoredDocument): Promise<void> {
    this.documents.push(this.tokenCount, this.tokenCount + responseStart, task)
    for (const id of ids) this.ids.push(id)
    for (const weight of weights) this.weights.push(weight)
    this.tokenCount += ids.length
    if (this.tokenCount > 0xffff_ffff)
      throw new PacelineError('unsupported', 'More than 4,294,967,295 tokens in a split: pack several datasets.')
    if (this.ids.length > 1 << 20) await this.flush()
  }

  async finish(): Promise<void> {
    await this.flush()
    for (const file of this.files) await file.sync().catch(failed(this.name))
    await this.close()
  }

  async close(): Promise<void> {
    for (const file of this.files) await file.close().catch(() => {})
  }

  private async flush(): Promise<void> {
    const tokens = this.bytesPerToken === 2 ? Uint16Array.from(this.ids) : Uint32Array.from(this.ids)
    const contents = [tokens, Uint8Array.from(this.weights), Uint32Array.from(this.documents)]
    this.ids = []
    this.weights = []
    this.documents = []
    for (const [index, file] of this.files.entries())
      await file.appendFile(new Uint8Array(contents[index].buffer)).catch(failed(this.name))
  }
}

export const nothing: Amount = { documents: 0, tokens: 0, responseTokens: 0, bytes: 0, responseBytes: 0 }

function failed(what: string): (cause: unknown) => never {
  return (cause) => {
    throw new PacelineError('file', `${what}: cannot be written: ${(cause as Error).message}`, { cause })
  }
}
