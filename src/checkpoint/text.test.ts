import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { byteTokenizer, byteTokenizerConfig } from './byte-tokenizer.ts'
import { createTextCodec, type TextFiles } from './text.ts'

const vocabSize = 320
const codec = (files: Partial<TextFiles> = {}) =>
  createTextCodec(
    { tokenizer: byteTokenizer(), config: byteTokenizerConfig(), chatTemplate: null, ...files },
    vocabSize,
  )
const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

describe('encode and decode', () => {
  const text = codec()

  test('any text survives the way to ids and back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (given) => {
        expect(text.decode(text.encode(given), { skipSpecialTokens: true })).toBe(given)
      }),
      { seed: 1 },
    )
  })

  test('the ids of the byte tokenizer are BOS and the bytes of the text', () => {
    expect(text.encode('hé\n')).toEqual([256, 0x68, 0xc3, 0xa9, 0x0a])
    expect(text.encode('hé', { addSpecialTokens: false })).toEqual([0x68, 0xc3, 0xa9])
    expect(text.encode('')).toEqual([256])
    expect(text.encode('', { addSpecialTokens: false })).toEqual([])
  })

  test('special tokens written out in a text are special tokens', () => {
    expect(text.encode('a</s>', { addSpecialTokens: false })).toEqual([97, 257])
    expect(text.decode([256, 97, 257])).toBe('<s>a</s>')
    expect(text.decode([256, 97, 257], { skipSpecialTokens: true })).toBe('a')
  })

  test('spaces are not cleaned up', () => {
    expect(text.decode(text.encode("a  b , c do n't", { addSpecialTokens: false }))).toBe("a  b , c do n't")
  })

  test('no ids, and ids without a token, are no text', () => {
    expect(text.decode([])).toBe('')
    expect(text.decode([300])).toBe('')
    expect(text.decode(Int32Array.of(97, 300, 98))).toBe('ab')
  })

  test('tokens can be looked up', () => {
    expect(text.vocabSize).toBe(258)
    expect(text.tokenOf(0x20)).toBe('Ġ')
    expect(text.tokenOf(257)).toBe('</s>')
    expect(text.tokenOf(300)).toBeUndefined()
  })

  test.each([[-1], [1.5], [Number.NaN], [vocabSize]])('%d is refused as an id', (id) => {
    expect(() => text.decode([97, id])).toThrow(
      error('argument', `${id} is not a token id of this model, expected 0 .. 319.`),
    )
  })

  test('a token without an embedding is refused when a text needs it', () => {
    const files = { tokenizer: byteTokenizer(), config: byteTokenizerConfig(), chatTemplate: null }
    const small = createTextCodec(files, 257)
    expect(small.encode('a')).toEqual([256, 97])
    const message = 'tokenizer.json: token "</s>" has id 257, config.json says 257 ids (vocab_size)'
    expect(() => small.encode('a</s>')).toThrow(error('checkpoint', message))
  })

  test.each([
    [null],
    [[]],
    [{}],
    [{ ...byteTokenizer(), model: { type: 'Unheard' } }],
    [{ ...byteTokenizer(), added_tokens: null }],
  ])('a tokenizer.json that is %j is refused', (tokenizer) => {
    expect(() => codec({ tokenizer })).toThrow(error('format', 'tokenizer.json: not a tokenizer that can be used'))
  })

  test('add_bos_token is not read: the post-processor decides', () => {
    const withoutBos = { ...byteTokenizer(), post_processor: null }
    expect(codec({ config: { ...byteTokenizerConfig(), add_bos_token: false } }).encode('a')).toEqual([256, 97])
    expect(
      codec({ tokenizer: withoutBos, config: { ...byteTokenizerConfig(), add_bos_token: true } }).encode('a'),
    ).toEqual([97])
  })
})

describe('chat templates', () => {
  const template =
    '{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}'
  const conversation = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'yes?' },
  ]
  const chat = (value: unknown, config = byteTokenizerConfig()) =>
    codec({ chatTemplate: { file: 'there.json', value }, config })

  test('a conversation becomes a text, with the special tokens as variables', () => {
    const text = chat(template)
    expect(text.applyChatTemplate(conversation)).toBe('[user]hi</s>[assistant]yes?</s>[assistant]')
    expect(text.applyChatTemplate(conversation, { addGenerationPrompt: false })).toBe('[user]hi</s>[assistant]yes?</s>')
  })

  test('special tokens may be objects, and those that are not set are empty', () => {
    const config = { bos_token: { content: '<s>', lstrip: false }, eos_token: null, add_bos_token: true }
    expect(chat('{{ bos_token }}.{{ eos_token }}.', config).applyChatTemplate([])).toBe('<s>..')
  })

  test('templates may read further variables', () => {
    const text = chat('{% if enable_thinking is defined and enable_thinking is false %}quick{% endif %}')
    expect(text.applyChatTemplate(conversation)).toBe('')
    expect(text.applyChatTemplate(conversation, { variables: { enable_thinking: false } })).toBe('quick')
  })

  test('of a list of templates, "default" is taken', () => {
    const list = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template },
    ]
    expect(chat(list).applyChatTemplate([])).toBe('[assistant]')
  })

  test('BOS comes first exactly once, whether the template writes it or not', () => {
    const a = 'a'.charCodeAt(0)
    expect(chat('a').encodeChat([])).toEqual([256, a])
    expect(chat('{{ bos_token }}a').encodeChat([])).toEqual([256, a])
    expect(chat('a', { eos_token: '</s>' }).encodeChat([])).toEqual([256, a])
  })

  test('without a template only plain text works', () => {
    const text = codec()
    expect(() => text.applyChatTemplate(conversation)).toThrow(error('unsupported', 'This model has no chat template'))
    expect(() => text.encodeChat(conversation)).toThrow(error('unsupported', 'This model has no chat template'))
    expect(text.encode('a')).toEqual([256, 97])
  })

  test.each([
    ['{% for %}', 'there.json: the chat template is not valid Jinja'],
    ['{{ a', 'there.json: the chat template is not valid Jinja'],
    [7, 'there.json: chat_template is neither a string nor a list'],
    [[{ name: 'rag', template }], 'there.json: chat_template is neither a string nor a list'],
    [[null], 'there.json: chat_template is neither a string nor a list'],
  ])('%j is refused, but only when it is used', (value, message) => {
    const text = chat(value)
    expect(text.encode('a')).toEqual([256, 97])
    expect(() => text.applyChatTemplate(conversation)).toThrow(error('format', message))
  })

  test('what a template says against the messages reaches the user', () => {
    const text = chat("{{ raise_exception('Roles must alternate') }}")
    const message = 'there.json: the chat template refuses these messages: Roles must alternate'
    expect(() => text.applyChatTemplate(conversation)).toThrow(error('argument', message))
  })
})
