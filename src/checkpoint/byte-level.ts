/** A token that stands for no text. */
export interface SpecialToken {
  readonly id: number
  readonly token: string
}

export interface ByteLevelBpe {
  readonly vocab: Iterable<readonly [token: string, id: number]>
  /** "left right" */
  readonly merges: readonly string[]
  readonly special: readonly SpecialToken[]
  /** Comes before every text. */
  readonly begin: SpecialToken
  /** A regular expression that cuts text into words, within which tokens are merged; that of GPT-2 unless given. */
  readonly words?: string
}

/** Content of the tokenizer.json of a byte-level BPE: the one place that knows the format's many fields. */
export function byteLevelTokenizer({ vocab, merges, special, begin, words }: ByteLevelBpe): object {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: words === undefined }
  const first = { SpecialToken: { id: begin.token, type_id: 0 } }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map(({ id, token }) => ({
      id,
      content: token,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer:
      words === undefined
        ? byteLevel
        : {
            type: 'Sequence',
            pretokenizers: [
              { type: 'Split', pattern: { Regex: words }, behavior: 'Isolated', invert: false },
              byteLevel,
            ],
          },
    post_processor: {
      type: 'TemplateProcessing',
      single: [first, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [first, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { [begin.token]: { id: begin.token, ids: [begin.id], tokens: [begin.token] } },
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
      vocab: Object.fromEntries(vocab),
      merges,
    },
  }
}

/** Content of the tokenizer_config.json beside it. */
export function tokenizerConfig(
  begin: SpecialToken,
  end: SpecialToken,
  chatTemplate: string | undefined,
): Record<string, unknown> {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: begin.token,
    eos_token: end.token,
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
