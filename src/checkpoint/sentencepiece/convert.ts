import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { requireFolder } from '../folders.ts'
import { readJson, readText } from '../json.ts'
import { createTextCodec } from '../text.ts'
import { parseSentencePiece } from './model.ts'
import { readSettings } from './settings.ts'
import { sentencePieceTokenizer } from './to-tokenizer.ts'

export const sentencePieceFile = 'tokenizer.model'
const tokenizerFile = 'tokenizer.json'

export interface ConvertedTokenizer {
  /** Of the file that was written. */
  readonly path: string
  readonly vocabSize: number
}

/**
 * Writes the tokenizer.json of a folder that has a SentencePiece tokenizer, `tokenizer.model`, as Llama models published before
 * there were other files do; tokenizer_config.json, special_tokens_map.json and added_tokens.json are read where they are there.
 * It tells the tokens that the one which transformers makes does.
 * Throws code `argument` where there is a tokenizer.json already, unless `replace`, `file` (not there, not readable, not
 * writable), `format` (breaks its format), `checkpoint` (an id that cannot be) or `unsupported` (another kind of tokenizer).
 */
export async function convertSentencePiece(folder: string, { replace = false } = {}): Promise<ConvertedTokenizer> {
  await requireFolder(folder)
  const path = join(folder, tokenizerFile)
  if (!replace && (await readText(folder, tokenizerFile)) !== undefined)
    throw new PacelineError(
      'argument',
      `${path}: is there already. Replace it with --force (\`replace\`), or leave it.`,
    )
  const bytes = await readFile(join(folder, sentencePieceFile)).catch((cause: Error) => {
    throw new PacelineError('file', `${folder}: ${sentencePieceFile} cannot be read: ${cause.message}`, { cause })
  })
  const settings = readSettings({
    config: await readJson(folder, 'tokenizer_config.json'),
    added: await readJson(folder, 'added_tokens.json'),
    special: await readJson(folder, 'special_tokens_map.json'),
  })
  const tokenizer = sentencePieceTokenizer(parseSentencePiece(bytes, sentencePieceFile), settings, sentencePieceFile)
  // What cannot be used is not written.
  const codec = createTextCodec({ tokenizer, config: {}, chatTemplate: null }, Number.POSITIVE_INFINITY)
  await replaceText(path, `${JSON.stringify(tokenizer)}\n`)
  return { path, vocabSize: codec.vocabSize }
}
