import { byteCharacters, byteLevelTokenizer, tokenizerConfig } from './byte-level.ts'

/*
 * The smallest real tokenizer: one token per byte, and BOS and EOS. Ids 0 .. 255 are the bytes themselves. The files
 * have the formats of any other checkpoint, so that a model made for a test goes the way of a downloaded one.
 */

export const byteBos = { id: 256, token: '<s>' }
export const byteEos = { id: 257, token: '</s>' }
export const byteVocabSize = 258

/** Content of a tokenizer.json. */
export function byteTokenizer(): object {
  const vocab = byteCharacters().map((character, byte) => [character, byte] as const)
  return byteLevelTokenizer({ vocab, merges: [], special: [byteBos, byteEos], begin: byteBos })
}

/** Content of the tokenizer_config.json beside it. */
export function byteTokenizerConfig(chatTemplate?: string): Record<string, unknown> {
  return tokenizerConfig(byteBos, byteEos, chatTemplate)
}
