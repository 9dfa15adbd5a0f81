import { PacelineError } from '../../errors.ts'
import type { Census, SplitName } from './documents.ts'

/*
 * A packed dataset is a folder:
 *
 *   dataset.json                what `DatasetInfo` says
 *   tokenizer.json, tokenizer_config.json, chat_template.*
 *                               the tokenizer that made it, for the models trained on it
 *   {split}.tokens.bin          tokens of all documents, one after the other: u16, or u32 from 65,537 tokens on
 *   {split}.weights.bin         u8 per token: what predicting it counts in the loss, times 255
 *   {split}.documents.bin       per document three u32: its first token, the first token of its response, its task
 *
 * with `train` and `validation` for {split}, all numbers little-endian.
 */

export const formatName = 'paceline-dataset'
export const formatVersion = 1
export const splitNames = ['train', 'validation'] as const satisfies readonly SplitName[]
export const infoFile = 'dataset.json'

export interface Amount {
  readonly documents: number
  readonly tokens: number
  /** Tokens of responses, with the one that ends them; of plain text all but the first. */
  readonly responseTokens: number
  /** UTF-8 bytes of prompts and responses, or texts. */
  readonly bytes: number
  /** UTF-8 bytes of responses, or texts: what bits per byte are reckoned on. */
  readonly responseBytes: number
}

/** Content of dataset.json. */
export interface DatasetInfo {
  readonly format: typeof formatName
  readonly version: number
  readonly tokenizer: { readonly fingerprint: string; readonly vocabSize: number }
  /** How a conversation is written, with {prompt} and {response} in place of its texts. */
  readonly chatFormat: string
  readonly bytesPerToken: 2 | 4
  readonly seed: number
  readonly validationShare: number
  /** What of a prompt decided about its side of the split: what is before its last line that begins with this text. */
  readonly groupBefore?: string
  readonly promptWeight: number
  /** Names of tasks; a document's task is an index. */
  readonly tasks: readonly string[]
  /** Per split one amount for each task, in the order of `tasks`. */
  readonly splits: Readonly<Record<SplitName, readonly Amount[]>>
  readonly census: Readonly<Census>
  /** Where the text comes from and under which licences, in the words of whoever packed it. */
  readonly sources: string
}

export function total(amounts: readonly Amount[]): Amount {
  const sum = (field: keyof Amount) => amounts.reduce((all, amount) => all + amount[field], 0)
  return {
    documents: sum('documents'),
    tokens: sum('tokens'),
    responseTokens: sum('responseTokens'),
    bytes: sum('bytes'),
    responseBytes: sum('responseBytes'),
  }
}

/** Checks what dataset.json holds. Throws code `format` naming the field. */
export function parseInfo(value: unknown, file: string): DatasetInfo {
  const require = (holds: boolean, field: string, expected: string) => {
    if (!holds) throw new PacelineError('format', `${file}: "${field}" is not ${expected}. Pack the dataset again.`)
  }
  require(isObject(value) && value.format === formatName, 'format', `"${formatName}"`)
  const info = value as unknown as DatasetInfo
  require(info.version === formatVersion, 'version', `${formatVersion}, the version that is read here`)
  require(isObject(info.tokenizer) && typeof info.tokenizer.fingerprint === 'string', 'tokenizer.fingerprint', 'text')
  require(isCount(info.tokenizer.vocabSize), 'tokenizer.vocabSize', 'a count')
  require(info.bytesPerToken === 2 || info.bytesPerToken === 4, 'bytesPerToken', '2 or 4')
  require(Array.isArray(info.tasks) && info.tasks.every((task) => typeof task === 'string'), 'tasks', 'a list of names')
  require(isObject(info.splits), 'splits', 'an object')
  for (const split of splitNames) {
    const amounts = info.splits[split]
    const counted = (amount: Amount) =>
      isObject(amount) &&
      [amount.documents, amount.tokens, amount.responseTokens, amount.bytes, amount.responseBytes].every(isCount)
    require(Array.isArray(amounts) && amounts.length === info.tasks.length, `splits.${split}`, 'a list, one per task')
    require(amounts.every(counted), `splits.${split}`, 'counts of documents, tokens and bytes')
  }
  return info
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
