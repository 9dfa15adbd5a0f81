import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openTextCodec, type TextCodec, tokenizerFolder } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { wordPattern, wordsOf } from './bpe/words.ts'

/** A tokenizer as packing needs it. */
export interface Tokenizer {
  /** Where its files are: for an adapter without, that of the base model. */
  readonly folder: string
  readonly codec: TextCodec
  /** "sha256:" and the hash of tokenizer.json. */
  readonly fingerprint: string
  readonly vocabSize: number
  /** The token after the last one of a text. */
  readonly endId: number
  /** Text of the token before a text's first one, where there is one. */
  readonly begin: string | undefined
  /** Tokens that stand for no text. Text that has one of them written out cannot be trained on. */
  readonly special: readonly string[]
  /** Token ids of a text, none added: those of `codec`, sooner. */
  encode(text: string): number[]
}

/**
 * Opens the tokenizer of a folder with tokenizer.json and tokenizer_config.json, such as a model's.
 * Throws code `file`, `format`, or `unsupported` where tokenizer_config.json names no `eos_token`.
 */
export async function openTokenizer(model: string): Promise<Tokenizer> {
  const codec = await openTextCodec(model)
  const folder = await tokenizerFolder(model)
  const content = await readFile(join(folder, 'tokenizer.json'))
  const json = JSON.parse(content.toString('utf8'))
  const special = (json.added_tokens as { content: string; special: boolean }[])
    .filter((token) => token.special)
    .map((token) => token.content)
  return {
    folder,
    codec,
    fingerprint: `sha256:${createHash('sha256').update(content).digest('hex')}`,
    vocabSize: codec.vocabSize,
    ...(await boundsOf(folder, codec)),
    special,
    encode: hasOurWords(json) ? wordwise(codec, special) : (text) => plain(codec, text),
  }
}

/** What tokenizer_config.json says about the ends of a text: each token a string, or an object with its `content`. */
async function boundsOf(folder: string, codec: TextCodec): Promise<Pick<Tokenizer, 'begin' | 'endId'>> {
  const config = JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8').catch(() => '{}'))
  const token = (stored: unknown): string | undefined => {
    const content = typeof stored === 'object' && stored !== null && 'content' in stored ? stored.content : stored
    return typeof content === 'string' ? content : undefined
  }
  const end = token(config.eos_token)
  const ids = end === undefined ? [] : plain(codec, end)
  if (ids.length === 1) return { begin: token(config.bos_token), endId: ids[0] }
  throw new PacelineError(
    'unsupported',
    `${folder}: tokenizer_config.json has no "eos_token" that is one token: nothing would tell where a text ends.`,
  )
}

function plain(codec: TextCodec, text: string): number[] {
  return codec.encode(text, { addSpecialTokens: false })
}

function hasOurWords(json: { pre_tokenizer?: { pretokenizers?: { pattern?: { Regex?: string } }[] } }): boolean {
  return json.pre_tokenizer?.pretokenizers?.[0]?.pattern?.Regex === wordPattern
}

/** Each word is encoded once: most of a text is words seen before. */
function wordwise(codec: TextCodec, special: readonly string[]): (text: string) => number[] {
  const known = new Map<string, readonly number[]>(special.map((token) => [token, plain(codec, token)]))
  const separators = new RegExp(`(${special.map((token) => token.replace(/[^\w]/g, '\\$&')).join('|')})`)
  return (text) => {
    const ids: number[] = []
    for (const [index, section] of text.split(separators).entries())
      for (const word of index % 2 === 1 ? [section] : wordsOf(section)) {
        let tokens = known.get(word)
        if (tokens === undefined) {
          tokens = plain(codec, word)
          if (known.size < maxKnownWords) known.set(word, tokens)
        }
        for (const id of tokens) ids.push(id)
      }
    return ids
  }
}

/** About 100 MB. */
const maxKnownWords = 1_000_000
