import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../../errors.ts'
import type { SplitName } from './documents.ts'
import { type Amount, type DatasetInfo, infoFile, parseInfo, total } from './format.ts'

/** The documents of a split, all in memory. */
export interface PackedSplit {
  readonly documentCount: number
  /** Tokens of all documents, one after the other. [tokens] */
  readonly tokens: Uint16Array | Uint32Array
  /** What predicting each token counts in the loss, times 255. [tokens] */
  readonly weights: Uint8Array
  /** First token of each document, and the end of the last. [documents + 1] */
  readonly starts: Uint32Array
  /** First token of each document's response. [documents] */
  readonly responseStarts: Uint32Array
  /** Index of each document's task in `info.tasks`. [documents] */
  readonly tasks: Uint32Array
}

/** Documents in tokens: a packed dataset, or what a method makes of files of its own. */
export interface TokenDataset {
  /** Where they are, for errors. */
  readonly folder: string
  readonly info: Pick<DatasetInfo, 'tokenizer' | 'tasks' | 'splits'>
  split(name: SplitName): PackedSplit
  /** What is in a split, all tasks together. */
  total(name: SplitName): Amount
}

/** A folder of tokens to train on; its format is described in format.ts. */
export class PackedDataset implements TokenDataset {
  readonly folder: string
  readonly info: DatasetInfo
  private readonly splits: Readonly<Record<SplitName, PackedSplit>>

  private constructor(folder: string, info: DatasetInfo, splits: Readonly<Record<SplitName, PackedSplit>>) {
    this.folder = folder
    this.info = info
    this.splits = splits
  }

  /**
   * Reads a dataset into memory. `fingerprint`: of the tokenizer that the dataset has to be packed with.
   * Throws code `file` where there is none or it cannot be read, `format` where its files disagree, `argument` where it
   * was packed with another tokenizer.
   */
  static async open(folder: string, { fingerprint }: { readonly fingerprint?: string } = {}): Promise<PackedDataset> {
    const file = join(folder, infoFile)
    let json: unknown
    try {
      json = JSON.parse((await read(file)).toString('utf8'))
    } catch (cause) {
      if (PacelineError.isInstance(cause)) throw cause
      throw new PacelineError('format', `${file}: not valid JSON: ${(cause as Error).message}.`, { cause })
    }
    const info = parseInfo(json, file)
    if (fingerprint !== undefined && fingerprint !== info.tokenizer.fingerprint)
      throw new PacelineError(
        'argument',
        `${folder}: packed with the tokenizer ${info.tokenizer.fingerprint}, the model has ${fingerprint}. ` +
          "Pack the data again with the model's folder as --tokenizer.",
      )
    const splits = {
      train: await readSplit(folder, 'train', info),
      validation: await readSplit(folder, 'validation', info),
    }
    return new PackedDataset(folder, info, splits)
  }

  split(name: SplitName): PackedSplit {
    return this.splits[name]
  }

  total(name: SplitName): Amount {
    return total(this.info.splits[name])
  }
}

async function readSplit(folder: string, name: SplitName, info: DatasetInfo): Promise<PackedSplit> {
  const { documents: documentCount, tokens: tokenCount } = total(info.splits[name])
  const file = (part: string) => join(folder, `${name}.${part}.bin`)
  const load = async (part: string, bytes: number) => {
    const content = await read(file(part))
    if (content.length !== bytes)
      throw new PacelineError(
        'format',
        `${file(part)}: has ${content.length} bytes, ${infoFile} says ${bytes}. Pack the dataset again.`,
      )
    // A copy of its own, aligned as typed arrays must be.
    return new Uint8Array(content).buffer
  }
  const stored = await load('tokens', tokenCount * info.bytesPerToken)
  const tokens = info.bytesPerToken === 2 ? new Uint16Array(stored) : new Uint32Array(stored)
  const weights = new Uint8Array(await load('weights', tokenCount))
  const records = new Uint32Array(await load('documents', documentCount * 12))

  const starts = new Uint32Array(documentCount + 1).fill(tokenCount)
  const responseStarts = new Uint32Array(documentCount)
  const tasks = new Uint32Array(documentCount)
  for (let i = 0; i < documentCount; i++) {
    starts[i] = records[3 * i]
    responseStarts[i] = records[3 * i + 1]
    tasks[i] = records[3 * i + 2]
  }
  for (let i = 0; i < documentCount; i++)
    if (
      (i === 0 && starts[i] !== 0) ||
      starts[i] >= starts[i + 1] ||
      responseStarts[i] < starts[i] ||
      responseStarts[i] > starts[i + 1] ||
      tasks[i] >= info.tasks.length
    )
      throw new PacelineError('format', `${file('documents')}: document ${i} is out of place. Pack the dataset again.`)
  const { vocabSize } = info.tokenizer
  const strange = tokens.findIndex((token) => token >= vocabSize)
  if (strange >= 0)
    throw new PacelineError(
      'format',
      `${file('tokens')}: token ${strange} has id ${tokens[strange]}, expected less than ${vocabSize}. Pack the dataset again.`,
    )
  return { documentCount, tokens, weights, starts, responseStarts, tasks }
}

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const problem = cause.code === 'ENOENT' ? 'there is no such file; expected a packed dataset' : cause.message
    throw new PacelineError('file', `${file}: cannot be read: ${problem}.`, { cause })
  })
}
