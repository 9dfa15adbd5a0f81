import { Fields } from '../fields.ts'
import { specialTokensOf, tokenText } from '../text.ts'

/** A token beside the pieces, or what is to be known of one of them; fields as in a tokenizer.json. */
export interface AddedToken {
  readonly content: string
  readonly single_word: boolean
  readonly lstrip: boolean
  readonly rstrip: boolean
  readonly normalized: boolean
  readonly special: boolean
}

/** A token of which nothing else is said. */
export function addedToken(content: string, special: boolean): AddedToken {
  return { content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }
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

/** The content of each file; `undefined` where it is not there. */
export interface TokenizerFiles {
  readonly config: unknown
  /** added_tokens.json */
  readonly added: unknown
  /** special_tokens_map.json */
  readonly special: unknown
}

/** Reads the files. Throws code `format` where one breaks its format, `checkpoint` for an id that cannot be. */
export function readSettings(files: TokenizerFiles): TokenizerSettings {
  const config = new Fields(files.config ?? {}, configFile)
  const map = new Fields(files.special ?? {}, 'special_tokens_map.json')
  const parts = { ...valuesOf(map), ...valuesOf(config) }
  const { bos_token: bosToken, eos_token: eosToken } = specialTokensOf(parts)
  return {
    legacy: config.boolean('legacy', true),
    addPrefixSpace: config.boolean('add_prefix_space', true),
    addBosToken: config.boolean('add_bos_token', true),
    addEosToken: config.boolean('add_eos_token', false),
    ...(bosToken !== undefined && { bosToken }),
    ...(eosToken !== undefined && { eosToken }),
    added: new Map([...addedByText(files.added, specialTexts(parts)), ...addedById(config)]),
  }
}

function valuesOf(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(fields.names().map((name) => [name, fields.raw(name)]))
}

/** All that have a part to play: `bos_token`, `pad_token` ..., `additional_special_tokens`. */
function specialTexts(parts: Readonly<Record<string, unknown>>): ReadonlySet<string | undefined> {
  const additional = parts.additional_special_tokens
  const more = Array.isArray(additional) ? additional.map(tokenText) : []
  return new Set([...Object.values(specialTokensOf(parts)), ...more])
}

/** `{ token: id }`, as transformers wrote it before it had `added_tokens_decoder`. */
function addedByText(json: unknown, special: ReadonlySet<string | undefined>): [number, AddedToken][] {
  const tokens = new Fields(json ?? {}, 'added_tokens.json')
  return tokens.names().map((content) => {
    return [tokens.integer(content, 0, 2 ** 31 - 1), addedToken(content, special.has(content))]
  })
}

/** `{ id: { content, lstrip, ... } }` */
function addedById(config: Fields): [number, AddedToken][] {
  const tokens = config.object('added_tokens_decoder')
  return (tokens?.names() ?? []).map((id) => {
    if (!/^\d{1,9}$/.test(id)) throw tokens!.wrong(id, 'no such field: its name is no id')
    const token = tokens!.object(id)
    if (token === null) throw tokens!.wrong(id, 'a token', 'format')
    return [
      Number(id),
      {
        content: token.string('content'),
        single_word: token.boolean('single_word', false),
        lstrip: token.boolean('lstrip', false),
        rstrip: token.boolean('rstrip', false),
        normalized: token.boolean('normalized', false),
        special: token.boolean('special', false),
      },
    ]
  })
}
