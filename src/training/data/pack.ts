import { PacelineError } from '../../errors.ts'
import { tokenizerFiles, trainBpe, WordCounts } from './bpe/index.ts'
import { encodeConversation, encodeText, specialTokens } from './chat-format.ts'
import { type Census, partsOf, type SplitName, selectDocuments } from './documents.ts'
import type { Example } from './examples.ts'
import { type Amount, type DatasetInfo, formatName, formatVersion } from './format.ts'
import { openTokenizer, type Tokenizer } from './tokenizer.ts'
import { DatasetWriter, nothing, requireFree, type StoredDocument } from './writer.ts'

export interface PackOptions {
  /** JSONL files. */
  readonly files: readonly string[]
  /** The folder to make. */
  readonly folder: string
  /** Folder of a tokenizer with a chat template. Without it, one is trained on the split for training. */
  readonly tokenizer?: string
  /** Tokens of the tokenizer to train, special ones included: 260 to 65,536. Default 4096. */
  readonly vocabulary?: number
  /** Share of documents for validation, 0 to 1. Default 0.02. */
  readonly validation?: number
  /** Default 1. */
  readonly seed?: number
  /** Prompts that are the same before their last line that begins with this text are on the same side of the split. */
  readonly groupBefore?: string
  /** What predicting a token of a prompt counts in the loss beside one of a response, 0 to 1. Default 0. */
  readonly promptWeight?: number
  /** Sources and licences, to be kept with the data. */
  readonly sources?: string
  /** Replaces a dataset that is there. */
  readonly force?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (phase: 'reading' | 'merging' | 'packing', share: number) => void
}

const smallestVocabulary = 256 + Object.keys(specialTokens).length

/**
 * Makes a packed dataset of JSONL files; whatever happens, `folder` is either untouched or whole. Returns what is in
 * dataset.json.
 * Throws code `argument` for an option out of range, `file`, `format` for a line that breaks the format, `unsupported`
 * for a tokenizer that cannot be used, and the signal's reason.
 */
export async function packDataset(options: PackOptions): Promise<DatasetInfo> {
  const { files, folder, validation = 0.02, seed = 1, promptWeight = 0, force = false, signal, onProgress } = options
  requireRange('validation', validation, 0, 1)
  requireRange('promptWeight', promptWeight, 0, 1)
  if (!Number.isSafeInteger(seed)) throw new PacelineError('argument', `seed is ${seed}, expected an integer.`)
  if (files.length === 0) throw new PacelineError('argument', 'There are no files to pack.')
  if (options.tokenizer !== undefined && options.vocabulary !== undefined)
    throw new PacelineError('argument', 'Give a tokenizer or the vocabulary of one to train, not both.')
  await requireFree(folder, force)

  const writer = await DatasetWriter.create(folder)
  try {
    let trainingDocuments: number | undefined
    let tokenizerFolder = options.tokenizer
    if (tokenizerFolder === undefined) {
      trainingDocuments = await trainTokenizer(options, writer)
      tokenizerFolder = writer.temporary
    } else await writer.addTokenizer(tokenizerFolder)
    const tokenizer = await openTokenizer(tokenizerFolder)

    const bytesPerToken = tokenizer.vocabSize <= 0x1_0000 ? 2 : 4
    await writer.begin(bytesPerToken)
    const tasks: string[] = []
    const splits: Record<SplitName, Amount[]> = { train: [], validation: [] }
    const census: Census = { read: 0, empty: 0, duplicate: 0, special: 0 }
    const selection = { validation, seed, ...grouping(options), special: tokenizer.special }
    for await (const { example, split } of selectDocuments(files, selection, census)) {
      signal?.throwIfAborted()
      let task = tasks.indexOf(example.task)
      if (task < 0) {
        task = tasks.push(example.task) - 1
        splits.train.push(nothing)
        splits.validation.push(nothing)
      }
      const document = encode(tokenizer, example, task, promptWeight)
      splits[split][task] = grown(splits[split][task], document, example)
      await writer.add(split, document)
      if (census.read % 1000 === 0) onProgress?.('packing', trainingDocuments ? census.read / trainingDocuments : 0)
    }
    if (tasks.length === 0) throw new PacelineError('argument', `There is no text in ${files.join(', ')}.`)
    const info: DatasetInfo = {
      format: formatName,
      version: formatVersion,
      tokenizer: { fingerprint: tokenizer.fingerprint, vocabSize: tokenizer.vocabSize },
      chatFormat: tokenizer.codec.applyChatTemplate(
        [
          { role: 'user', content: '{prompt}' },
          { role: 'assistant', content: '{response}' },
        ],
        { addGenerationPrompt: false },
      ),
      bytesPerToken,
      seed,
      validationShare: validation,
      ...grouping(options),
      promptWeight,
      tasks,
      splits,
      census,
      sources: options.sources ?? '',
    }
    await writer.finish(info, force)
    return info
  } catch (error) {
    await writer.discard()
    throw error
  }
}

function grouping({ groupBefore }: PackOptions): Pick<PackOptions, 'groupBefore'> {
  return groupBefore === undefined ? {} : { groupBefore }
}

/** Trains a tokenizer on the training split and puts its files into the dataset. Returns the number of documents. */
async function trainTokenizer(options: PackOptions, writer: DatasetWriter): Promise<number> {
  const { files, vocabulary = 4096, validation = 0.02, seed = 1, signal, onProgress } = options
  if (!(Number.isInteger(vocabulary) && vocabulary >= smallestVocabulary && vocabulary <= 0x1_0000))
    throw new PacelineError(
      'argument',
      `vocabulary is ${vocabulary}, expected an integer from ${smallestVocabulary} (bytes and special tokens) to 65536.`,
    )
  const words = new WordCounts()
  const census: Census = { read: 0, empty: 0, duplicate: 0, special: 0 }
  const selection = { validation, seed, ...grouping(options), special: Object.values(specialTokens) }
  for await (const { example, split } of selectDocuments(files, selection, census)) {
    signal?.throwIfAborted()
    if (split === 'train') for (const part of partsOf(example)) words.add(part)
    if (census.read % 1000 === 0) onProgress?.('reading', 0)
  }
  const trained = trainBpe(words.counts, vocabulary - smallestVocabulary, (share) => onProgress?.('merging', share))
  signal?.throwIfAborted()
  const { tokenizer, config } = tokenizerFiles(trained)
  await writer.addJson('tokenizer.json', tokenizer)
  await writer.addJson('tokenizer_config.json', config)
  return census.read
}

/** A document's tokens, and what predicting each counts. Nothing predicts the first one. */
function encode(tokenizer: Tokenizer, example: Example, task: number, promptWeight: number): StoredDocument {
  const { ids, responseStart } =
    'text' in example
      ? encodeText(tokenizer, example.text)
      : encodeConversation(tokenizer, example.prompt, example.response, example.unfinished)
  const ofPrompt = Math.round(255 * promptWeight)
  const weights = ids.map((_, index) => (index === 0 ? 0 : index < responseStart ? ofPrompt : 255))
  return { ids, weights, responseStart, task }
}

function grown(amount: Amount, { ids, responseStart }: StoredDocument, example: Example): Amount {
  const parts = partsOf(example).map((part) => Buffer.byteLength(part))
  return {
    documents: amount.documents + 1,
    tokens: amount.tokens + ids.length,
    responseTokens: amount.responseTokens + ids.length - responseStart,
    bytes: amount.bytes + parts.reduce((all, part) => all + part),
    responseBytes: amount.responseBytes + parts[parts.length - 1],
  }
}

function requireRange(name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high))
    throw new PacelineError('argument', `${name} is ${value}, expected ${low} to ${high}.`)
}
