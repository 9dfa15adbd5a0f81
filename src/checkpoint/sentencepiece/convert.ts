import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { requireFolder } from '../folders.ts'
import { readJson, readText } from '../json.ts'
import { createTextCodec } from '../text.ts'
import { parseSentencePiece } from './model.ts'
import { type LlamaTokenizerConfig, sentencePieceTokenizer } from './to-tokenizer.ts'

export const sentencePieceFile = 'tokenizer.model'
const tokenizerFile = 'tokenizer.json'

export interface ConvertedTokenizer {
  /** Of the file that was written. */
  readonly path: string
  readonly vocabSize: number
}

/**
 * Writes the tokenizer.json of a folder that has a SentencePiece tokenizer, `tokenizer.model`, as Llama models published before
 * there were other files do; tokenizer_config.json and added_tokens.json are read where they are there. It tells the same
 * tokens as the one that transformers makes.
 * Throws code `argument` where there is a tokenizer.json already, unless `replace`, `file` (not there, not readable, not
 * writable), `format` (breaks its format) or `unsupported` (another kind of tokenizer).
 */
export async function convertSentencePiece(folder: string, { replace = false } = {}): Promise<ConvertedTokenizer> {
  await requireFolder(folder)
  const path = join(folder, tokenizerFile)
  if (!replace && (await readText(folder, tokenizerFile)) !== undefined)
    throw new PacelineError('argument', `${path}: is there already. Ask for it to be replaced, or leave it.`)
  const bytes = await readFile(join(folder, sentencePieceFile)).catch((cause: Error) => {
    throw new PacelineError('file', `${folder}: ${sentencePieceFile} cannot be read: ${cause.message}`, { cause })
  })
  const config = (await readJson(folder, 'tokenizer_config.json')) ?? {}
  const settings = settingsOf(config, await readJson(folder, 'added_tokens.json'))
  const tokenizer = sentencePieceTokenizer(parseSentencePiece(bytes, sentencePieceFile), settings, sentencePieceFile)
  // What cannot be used is not written.
  const codec = createTextCodec({ tokenizer, config: {}, chatTemplate: null }, Number.POSITIVE_INFINITY)
  await replaceText(path, `${JSON.stringify(tokenizer)}\n`)
  return { path, vocabSize: codec.vocabSize }
}

/** As transformers takes it for a LlamaTokenizer. */
function settingsOf(config: unknown, addedTokens: unknown): LlamaTokenizerConfig {
  const { legacy, add_bos_token, add_eos_token, added_tokens_decoder } = fieldsOf(config, 'tokenizer_config.json')
  const byId = Object.entries(fieldsOf(added_tokens_decoder ?? {}, 'tokenizer_config.json, added_tokens_decoder'))
  const byToken = Object.entries(fieldsOf(addedTokens ?? {}, 'added_tokens.json'))
  return {
    legacy: legacy !== false,
    addBosToken: add_bos_token !== false,
    addEosToken: add_eos_token === true,
    added: [
      ...byToken.map(([content, id]) => ({ id: idOf(id, 'added_tokens.json', content), content, special: false })),
      ...byId.map(([id, token]) => {
        const where = `tokenizer_config.json, added_tokens_decoder["${id}"]`
        const { content, special } = fieldsOf(token, where)
        if (typeof content !== 'string')
          throw new PacelineError('format', `${where}: content is ${JSON.stringify(content)}, expected a string.`)
        return { id: idOf(Number(id), 'tokenizer_config.json', content), content, special: special === true }
      }),
    ],
  }
}

function fieldsOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PacelineError('format', `${where}: expected a JSON object.`)
  return value as Record<string, unknown>
}

function idOf(id: unknown, file: string, token: string): number {
  if (!Number.isInteger(id) || (id as number) < 0)
    throw new PacelineError(
      'format',
      `${file}: token ${JSON.stringify(token)} has the id ${JSON.stringify(id)}, expected an integer from 0.`,
    )
  return id as number
}
