import { PacelineError } from '../../errors.ts'
import type { Tokenizer } from './tokenizer.ts'

/**
 * The format of conversations with tokenizers trained here:
 *
 *   <|begin|><|user|>{prompt}<|assistant|>{response}<|end|>
 *
 * Nothing stands between a special token and the text, so that the parts of a conversation have the same tokens together
 * and apart. Text that is no conversation is <|begin|>{text}<|end|>.
 */
export const specialTokens = {
  begin: '<|begin|>',
  end: '<|end|>',
  user: '<|user|>',
  assistant: '<|assistant|>',
} as const

/** The same as a Jinja template. A system message is the first line of the user's turn that follows it. */
export const chatTemplate =
  '{{ bos_token }}{% for message in messages %}' +
  `{% if message.role == 'system' %}${specialTokens.user}{{ message.content }}\n` +
  "{% elif message.role == 'user' %}" +
  `{% if loop.first or messages[loop.index0 - 1].role != 'system' %}${specialTokens.user}{% endif %}{{ message.content }}` +
  `{% elif message.role == 'assistant' %}${specialTokens.assistant}{{ message.content }}${specialTokens.end}` +
  "{% else %}{{ raise_exception('a message is of the user, the assistant or the system') }}{% endif %}" +
  `{% endfor %}{% if add_generation_prompt %}${specialTokens.assistant}{% endif %}`

/** A document of training text as tokens. */
export interface EncodedDocument {
  readonly ids: readonly number[]
  /** Tokens before this one are the prompt: what generation starts from. 1 for plain text, after its first token. */
  readonly responseStart: number
}

/**
 * A prompt exactly as generation from `[{ role: 'user', content: prompt }]` encodes it, and the response with what ends
 * the assistant's turn, unless it is `unfinished`. Any tokenizer with a chat template will do.
 * Throws code `unsupported` where its template does not put the response behind what generation starts from.
 */
export function encodeConversation(
  tokenizer: Tokenizer,
  prompt: string,
  response: string,
  unfinished = false,
): EncodedDocument {
  const { codec } = tokenizer
  const user = { role: 'user', content: prompt }
  const start = codec.applyChatTemplate([user])
  const whole = codec.applyChatTemplate([user, { role: 'assistant', content: response }], {
    addGenerationPrompt: false,
  })
  const rest = whole.slice(start.length)
  // Templates may trim what they are given.
  const written = [response, response.trim()].find((text) => rest.startsWith(text))
  if (!whole.startsWith(start) || (unfinished && written === undefined))
    throw new PacelineError(
      'unsupported',
      `${tokenizer.folder}: the chat template writes a finished conversation otherwise than one to be continued ` +
        '(add_generation_prompt): training would not see what generation starts from. Use another chat template.',
    )
  const { begin } = tokenizer
  // `encodeChat` is slower, and differs only where it has to add the first token.
  const ids = begin !== undefined && start.startsWith(begin) ? tokenizer.encode(start) : codec.encodeChat([user])
  const responseStart = ids.length
  // The two parts apart: generated tokens never merge with those of the prompt.
  for (const id of tokenizer.encode(unfinished ? written! : rest)) ids.push(id)
  return { ids, responseStart }
}

/** Text that is no conversation, between the tokens for beginning and end. */
export function encodeText(tokenizer: Tokenizer, text: string): EncodedDocument {
  const ids = tokenizer.codec.encode(text)
  return { ids: [...ids, tokenizer.endId], responseStart: Math.min(1, ids.length) }
}
