/**
 * How many tokens of context each new token is decoded with. A character is at most 4 bytes, so at most 4 tokens;
 * the others give decoders that treat the first token of a text specially something to be special about.
 */
const contextTokens = 8

export interface Detokeniser {
  /** The text that token `id` adds: '' while a character is unfinished. */
  push(id: number): string
  /** What is still held back: one U+FFFD if the last character was never finished, else ''. */
  flush(): string
}

/**
 * Turns generated token ids into text, token by token. All pieces together are what `decode(prompt + generated)` has
 * more than `decode(prompt)`, if the prompt ends with a whole character.
 *
 * Tokens do not decode one by one: a character may be spread over several, and some decoders drop the space before the
 * first token. So each token is decoded after a window of the tokens before it, at first the end of the prompt, and
 * what the window itself decodes to is cut off. A window may begin within a character: UTF-8 is self-synchronising, the
 * damage ends with that character and is cut off too. The cost of a token does not grow with the text.
 *
 * `decode` must extend: apart from a final U+FFFD for an unfinished character, more ids may only add text. The decoders
 * of tokenizer.json do when `clean_up_tokenization_spaces` is false; `skip_special_tokens` may be either.
 * It is never called with no ids.
 */
export function createDetokeniser(decode: (ids: number[]) => string, promptIds: readonly number[]): Detokeniser {
  let length = contextTokens
  // The window must show some text, else the decoder would take the next token for the first.
  while (length < promptIds.length && finished(promptIds.slice(-length)) === '') length *= 2
  let window = promptIds.slice(-length)
  let emitted = finished(window).length

  return {
    push(id) {
      window.push(id)
      const text = finished(window)
      const added = text.slice(emitted)
      emitted = text.length
      if (window.length >= 2 * contextTokens) {
        const shorter = window.slice(-contextTokens)
        const shown = finished(shorter).length
        if (shown > 0) {
          window = shorter
          emitted = shown
        }
      }
      return added
    },

    flush() {
      if (window.length === 0) return ''
      const text = decode(window)
      const rest = text.slice(emitted)
      emitted = text.length
      return rest
    },
  }

  /** The text of `ids` without a last character that later tokens may still complete. */
  function finished(ids: number[]): string {
    return ids.length === 0 ? '' : decode(ids).replace(/\uFFFD$/, '')
  }
}
