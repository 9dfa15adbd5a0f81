import { Tokenizer } from '@huggingface/tokenizers'
import { PacelineError } from '../errors.ts'
import { type ChatMessage, chatRenderer, type StoredTemplate } from './chat.ts'

export interface ChatOptions {
  /** Ends with the beginning of the assistant's turn. Default true. */
  readonly addGenerationPrompt?: boolean
  /** Further variables that the template reads, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>
}

/** Text to token ids and back, as a checkpoint's tokenizer does it. */
export interface TextCodec {
  /** One more than the highest id with a token. A model's vocabulary may be larger: its last rows are often padding. */
  readonly vocabSize: number
  /**
   * Token ids of a text. Special tokens written out in the text become their ids. `addSpecialTokens` (default true) adds
   * those that the post-processor of tokenizer.json adds, usually BOS; `add_bos_token` of tokenizer_config.json is not
   * read. Throws code `checkpoint` for a token that the model has no embedding for.
   */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): number[]
  /**
   * Text of token ids, without clean-up of spaces. Ids without a token add nothing. `skipSpecialTokens`: default false.
   * The text of two lists is not always that of one after the other: characters may be split between tokens, and many
   * decoders drop a first space.
   * Throws code `argument` for what is not an id of the model.
   */
  decode(ids: Iterable<number>, options?: { readonly skipSpecialTokens?: boolean }): string
  /** The token of an id as the vocabulary writes it ("▁the", "Ġthe"). */
  tokenOf(id: number): string | undefined
  /**
   * A conversation as one text, written by the checkpoint's chat template.
   * Throws code `unsupported` when it has none, `format` when it is not valid, `argument` when it refuses the messages.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatOptions): string
  /** Token ids of a conversation: its text, with special tokens added unless the template has begun with BOS itself. */
  encodeChat(messages: readonly ChatMessage[], options?: ChatOptions): number[]
}

export interface TextFiles {
  /** Content of tokenizer.json. */
  readonly tokenizer: unknown
  /** Content of tokenizer_config.json, an object. */
  readonly config: Readonly<Record<string, unknown>>
  readonly chatTemplate: StoredTemplate | null
}

/**
 * Builds the text codec of a model with `vocabSize` embeddings from the content of its files.
 * Throws code `format` when tokenizer.json does not describe a tokenizer.
 */
export function createTextCodec({ tokenizer: json, config, chatTemplate }: TextFiles, vocabSize: number): TextCodec {
  const tokenizer = openTokenizer(json, config)
  const specialIds = new Set<number>()
  for (const [id, token] of tokenizer.get_added_tokens_decoder()) if (token.special) specialIds.add(id)
  const specialTokens = specialTokensOf(config)
  const render = chatRenderer(chatTemplate)

  const codec: TextCodec = {
    vocabSize: 1 + highest(tokenizer.get_vocab().values()),

    encode(text, { addSpecialTokens = true } = {}) {
      const { ids, tokens } = tokenizer.encode(text, { add_special_tokens: addSpecialTokens })
      // Written so that it also catches `undefined`, a special token that is not in the vocabulary.
      const bad = ids.findIndex((id) => !(id < vocabSize))
      if (bad >= 0)
        throw new PacelineError(
          'checkpoint',
          `tokenizer.json: token ${JSON.stringify(tokens[bad])} has id ${ids[bad]}, ` +
            `config.json says ${vocabSize} ids (vocab_size).`,
        )
      return ids
    },

    decode(ids, { skipSpecialTokens = false } = {}) {
      const known: number[] = []
      for (const id of ids) {
        if (!Number.isInteger(id) || id < 0 || id >= vocabSize)
          throw new PacelineError('argument', `${id} is not a token id of this model, expected 0 .. ${vocabSize - 1}.`)
        if (tokenizer.id_to_token(id) !== undefined && !(skipSpecialTokens && specialIds.has(id))) known.push(id)
      }
      return known.length === 0 ? '' : tokenizer.decode(known, { clean_up_tokenization_spaces: false })
    },

    tokenOf: (id) => tokenizer.id_to_token(id),

    applyChatTemplate(messages, { addGenerationPrompt = true, variables = {} } = {}) {
      return render(messages, { ...specialTokens, ...variables, add_generation_prompt: addGenerationPrompt })
    },

    encodeChat(messages, options) {
      const text = codec.applyChatTemplate(messages, options)
      const bos = specialTokens.bos_token
      return codec.encode(text, { addSpecialTokens: bos === undefined || !text.startsWith(bos) })
    },
  }
  return codec
}

/** What is used of the tokenizer library, whose own declarations do not resolve under Node's module rules. */
interface LoadedTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[]; tokens: string[] }
  decode(ids: number[], options: { clean_up_tokenization_spaces: boolean }): string
  id_to_token(id: number): string | undefined
  get_vocab(): Map<string, number>
  get_added_tokens_decoder(): Map<number, { special: boolean }>
}

function openTokenizer(json: unknown, config: Readonly<Record<string, unknown>>): LoadedTokenizer {
  try {
    return new Tokenizer(json as object, config)
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new PacelineError('format', `tokenizer.json: not a tokenizer that can be used: ${problem}`, { cause })
  }
}

function highest(ids: Iterable<number>): number {
  let highest = -1
  for (const id of ids) highest = Math.max(highest, id)
  return highest
}

/** `bos_token`, `eos_token` ... of tokenizer_config.json. */
export function specialTokensOf(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const tokens: Record<string, string> = {}
  for (const [name, value] of Object.entries(config)) {
    const text = name.endsWith('_token') ? tokenText(value) : undefined
    if (text !== undefined) tokens[name] = text
  }
  return tokens
}

/** A token is written as a string, or as an object with its `content`. */
export function tokenText(token: unknown): string | undefined {
  const text = typeof token === 'object' && token !== null && 'content' in token ? token.content : token
  return typeof text === 'string' ? text : undefined
}
