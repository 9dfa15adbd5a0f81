import { byteCharacters, byteLevelTokenizer, tokenizerConfig } from '../../../checkpoint/index.ts'
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
  const tokenOf = (token: string) => ({ id: vocab.get(token)!, token })
  const begin = tokenOf(specialTokens.begin)
  return {
    tokenizer: byteLevelTokenizer({ vocab, merges: written, special: special.map(tokenOf), begin, words: wordPattern }),
    config: tokenizerConfig(begin, tokenOf(specialTokens.end), chatTemplate),
  }
}
