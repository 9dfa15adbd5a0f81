import { byteCharacters } from '../../../checkpoint/index.ts'
import { chatTemplate, specialTokens } from '../chat-format.ts'
import type { TrainedBpe } from './train.ts'
import { wordPattern } from './words.ts'

/** What the two files of a Hugging Face tokenizer hold, as values to be written as JSON. */
export interface TokenizerFiles {
  readonly tokenizer: object
  readonly config: object
}

/**
 * A tokenizer of trained merges. Ids: the special tokens, the 256 bytes, then the merges in order, each one unless it
 * makes the text of an earlier one. Bytes are written in the alphabet of GPT-2.
 */
export function tokenizerFiles({ merges }: Pick<TrainedBpe, 'merges'>): TokenizerFiles {
  const special = Object.values(specialTokens)
  const vocab = new Map<string, number>()
  for (const content of special) vocab.set(content, vocab.size)
  const symbols = byteCharacters()
  for (const symbol of symbols) vocab.set(symbol, vocab.size)
  const written = merges.map(({ left, right }) => {
    const symbol = symbols[left] + symbols[right]
    symbols.push(symbol)
    // The same text by another way, such as "a bc" after "ab c": one token, made by either merge.
    if (!vocab.has(symbol)) vocab.set(symbol, vocab.size)
    return `${symbols[left]} ${symbols[right]}`
  })
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
  const begin = { SpecialToken: { id: specialTokens.begin, type_id: 0 } }
  const beginId = vocab.get(specialTokens.begin)!
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: special.map((content, id) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: wordPattern }, behavior: 'Isolated', invert: false },
          byteLevel,
        ],
      },
      post_processor: {
        type: 'TemplateProcessing',
        single: [begin, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [begin, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
        special_tokens: {
          [specialTokens.begin]: { id: specialTokens.begin, ids: [beginId], tokens: [specialTokens.begin] },
        },
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
        merges: written,
      },
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: specialTokens.begin,
      eos_token: specialTokens.end,
      clean_up_tokenization_spaces: false,
      chat_template: chatTemplate,
    },
  }
}
