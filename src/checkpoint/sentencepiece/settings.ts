import { PacelineError } from '../../errors.ts'

/** A token beside the pieces, or what is to be known of one of them; fields as in a tokenizer.json. */
export interface AddedToken {
  readonly content: string
  readonly single_word: boolean
  readonly lstrip: boolean
  readonly rstrip: boolean
  readonly normalized: boolean
  readonly special: boolean
}

/** What the files beside a `tokenizer.model` say of it; names and defaults are those of transformers' LlamaTokenizer. */
export interface TokenizerSettings {
  /** true: every part of a text between special tokens begins with a space; false: only the first one. */
  readonly legacy: boolean
  readonly addPrefixSpace: boolean
  readonly addBosToken: boolean
  readonly addEosToken: boolean
  /** Where they are not those of the model. */
  readonly bosToken?: string
  readonly eosToken?: string
  /** By id. */
  readonly added: ReadonlyMap<number, AddedToken>
}

const configFile = 'tokenizer_config.json'
const addedFile = 'added_tokens.json'
const specialFile = 'special_tokens_map.json'

/** The content of each file; `undefined` where it is not there. */
export interface TokenizerFiles {
  readonly config: unknown
  readonly added: unknown
  readonly special: unknown
}

/** Reads the files. Throws code `format` where one breaks its format. */
export function readSettings(files: TokenizerFiles): TokenizerSettings {
  const config = fieldsOf(files.config ?? {}, configFile)
  const special = { ...fieldsOf(files.special ?? {}, specialFile), ...config }
  const [bosToken, eosToken] = [textOf(special.bos_token), textOf(special.eos_token)]
  return {
    legacy: config.legacy !== false,
    addPrefixSpace: config.add_prefix_space !== false,
    addBosToken: config.add_bos_token !== false,
    addEosToken: config.add_eos_token === true,
    ...(bosToken !== undefined && { bosToken }),
    ...(eosToken !== undefined && { eosToken }),
    added: new Map([...addedByText(files.added, specialTexts(special)), ...addedById(config.added_tokens_decoder)]),
  }
}

/** A token is a text, or an object with its `content`. */
function textOf(token: unknown): string | undefined {
  const text = typeof token === 'object' && token !== null && 'content' in token ? token.content : token
  return typeof text === 'string' ? text : undefined
}

/** All that have a part to play: `bos_token`, `pad_token` ..., `additional_special_tokens`. */
function specialTexts(fields: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  const tokens = Object.entries(fields).flatMap(([name, value]) => (name.endsWith('_token') ? [value] : []))
  const additional = fields.additional_special_tokens
  if (Array.isArray(additional)) tokens.push(...additional)
  return new Set(tokens.map(textOf).filter((text) => text !== undefined))
}

/** `{ token: id }`, as transformers wrote it before it had `added_tokens_decoder`. */
function* addedByText(json: unknown, special: ReadonlySet<string>): Generator<[number, AddedToken]> {
  for (const [content, id] of Object.entries(fieldsOf(json ?? {}, addedFile))) {
    if (!isId(id)) throw wrongId(addedFile, content, JSON.stringify(id))
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false }
    yield [id, { content, ...flags, special: special.has(content) }]
  }
}

/** `{ id: { content, lstrip, ... } }` */
function* addedById(json: unknown): Generator<[number, AddedToken]> {
  for (const [key, token] of Object.entries(fieldsOf(json ?? {}, `${configFile}, added_tokens_decoder`))) {
    const where = `${configFile}, added_tokens_decoder["${key}"]`
    const { content, single_word, lstrip, rstrip, normalized, special } = fieldsOf(token, where)
    if (typeof content !== 'string')
      throw new PacelineError('format', `${where}: content is ${JSON.stringify(content)}, expected a string.`)
    const id = /^\d+$/.test(key) ? Number(key) : undefined
    if (!isId(id)) throw wrongId(where, content, JSON.stringify(key))
    yield [
      id,
      {
        content,
        single_word: single_word === true,
        lstrip: lstrip === true,
        rstrip: rstrip === true,
        normalized: normalized === true,
        special: special === true,
      },
    ]
  }
}

function fieldsOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PacelineError('format', `${where}: expected a JSON object.`)
  return value as Record<string, unknown>
}

function isId(id: unknown): id is number {
  return Number.isSafeInteger(id) && (id as number) >= 0
}

function wrongId(where: string, token: string, id: string): PacelineError {
  return new PacelineError(
    'format',
    `${where}: token ${JSON.stringify(token)} has the id ${id}, expected an integer from 0.`,
  )
}
