/*
 * The smallest real tokenizer: one token per byte, and BOS and EOS. Ids 0 .. 255 are the bytes themselves. The files
 * have the formats of any other checkpoint, so that a model made for a test goes the way of a downloaded one.
 */

export const byteBos = { id: 256, token: '<s>' }
export const byteEos = { id: 257, token: '</s>' }
export const byteVocabSize = 258

/** Content of a tokenizer.json. */
export function byteTokenizer(): object {
  const special = ({ id, token }: typeof byteBos) => ({
    id,
    content: token,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  const bos = { SpecialToken: { id: byteBos.token, type_id: 0 } }
  const bosOfPair = { SpecialToken: { id: byteBos.token, type_id: 1 } }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [special(byteBos), special(byteEos)],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: {
      type: 'TemplateProcessing',
      single: [bos, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [bos, { Sequence: { id: 'A', type_id: 0 } }, bosOfPair, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { [byteBos.token]: { id: byteBos.token, ids: [byteBos.id], tokens: [byteBos.token] } },
    },
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(byteCharacters().map((character, byte) => [character, byte])),
      merges: [],
    },
  }
}

/** Content of the tokenizer_config.json beside it. */
export function byteTokenizerConfig(chatTemplate?: string): Record<string, unknown> {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: byteBos.token,
    eos_token: byteEos.token,
    clean_up_tokenization_spaces: false,
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
  }
}

/** Byte-level vocabularies write a byte as a visible character: itself if it is one, else the next from U+0100 (GPT-2). */
export function byteCharacters(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
    return String.fromCharCode(visible ? byte : next++)
  })
}
