import { Tokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDetokeniser } from './detokenise.ts'

type Codec = { ids: (...tokens: string[]) => number[]; size: number; decode: (ids: number[]) => string }

function codec(vocabulary: string[], decoder: object, special: string[], skipSpecial = false): Codec {
  const vocab = Object.fromEntries(vocabulary.map((token, id) => [token, id]))
  const added = special.map((content) => ({ id: vocab[content], content, special: true, normalized: false }))
  const tokenizer = new Tokenizer(
    {
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder,
      model: { type: 'BPE', vocab, merges: [], unk_token: null, byte_fallback: true },
    },
    {},
  )
  return {
    ids: (...tokens) => tokens.map((token) => tokenizer.token_to_id(token)!),
    size: vocabulary.length,
    decode: (ids) => tokenizer.decode(ids, { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false }),
  }
}

/** Byte b in GPT-2's byte-level alphabet: printable bytes stand for themselves, the rest follow from 256. */
const byteCharacters = (() => {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174
  let next = 256
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++))
})()
const byteLevel = (bytes: Iterable<number>) => Array.from(bytes, (b) => byteCharacters[b]).join('')
const utf8 = (text: string) => [...new TextEncoder().encode(text)]
const hex = (b: number) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`
const everyByte = Array.from({ length: 256 }, (_, b) => b)

/** Words with and without a leading space, and pieces that end or begin within a character. */
const words = [' the', 'cat', ' 猫', 'é', ' 👩‍🚀', ' ', '  ', '\n', '�']
const halves = ['a猫', '👩 b'].flatMap((text) => [utf8(text).slice(0, 2), utf8(text).slice(2)])

const gpt2 = (skipSpecial = false) =>
  codec(
    [
      ...byteCharacters,
      ...words.filter((w) => utf8(w).length > 1).map((w) => byteLevel(utf8(w))),
      ...halves.map(byteLevel),
      '<|eot|>',
    ],
    { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    ['<|eot|>'],
    skipSpecial,
  )

const llama = (skipSpecial = false) =>
  codec(
    ['<s>', '</s>', ...everyByte.map(hex), ...words.map((w) => w.replaceAll(' ', '▁'))],
    {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    ['<s>', '</s>'],
    skipSpecial,
  )

const llamaBytes = (text: string) => llama().ids(...utf8(text).map(hex))

/** All that comes out, piece by piece; the last one is the flush. */
function pieces(decode: Codec['decode'], prompt: number[], generated: number[]): string[] {
  const detokeniser = createDetokeniser(decode, prompt)
  return [...generated.map((id) => detokeniser.push(id)), detokeniser.flush()]
}

const decodeOrEmpty = (decode: Codec['decode'], ids: number[]) => (ids.length === 0 ? '' : decode(ids))

describe.each([
  ['byte-level BPE', gpt2()],
  ['byte-level BPE, special tokens skipped', gpt2(true)],
  ['Llama', llama()],
  ['Llama, special tokens skipped', llama(true)],
] as const)('%s', (_, { decode, size }) => {
  // Half of the tokens are raw bytes of a few kinds, so that whole, cut and invalid characters are all common.
  const bytesOf = ['猫', '👩', 'é', 'a', '\ufeff'].flatMap(utf8).concat(0xff, 0xc0)
  const offset = decode([1]) === '</s>' || decode([1]) === '' ? 2 : 0
  const token = fc.oneof(
    fc.constantFrom(...bytesOf).map((b) => b + offset),
    fc.nat(size - 257).map((i) => (i < offset ? i : i + 256)),
  )

  it('streams exactly the text that the generated tokens add to the prompt', () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 24 }), fc.array(token, { maxLength: 60 }), (prompt, generated) => {
        fc.pre(!decodeOrEmpty(decode, prompt).endsWith('\ufffd'))
        const expected = decodeOrEmpty(decode, [...prompt, ...generated]).slice(decodeOrEmpty(decode, prompt).length)
        expect(pieces(decode, prompt, generated).join('')).toBe(expected)
      }),
      { seed: 2, numRuns: 3000 },
    )
  })

  it('never emits half of a character', () => {
    const text = '猫👩‍🚀é'
    const generated = utf8(text).map((b) => b + offset)
    const emitted = pieces(decode, generated, generated)
    expect(emitted.join('')).toBe(text)
    for (const piece of emitted) expect(piece).not.toMatch(/\p{Surrogate}|\ufffd/u)
  })

  it('emits one U+FFFD for an unfinished end, and only when flushed', () => {
    const generated = utf8('ok👩').map((b) => b + offset)
    expect(pieces(decode, [], generated.slice(0, -1))).toEqual(['o', 'k', '', '', '', '\ufffd'])
  })

  it('releases bytes that no continuation can complete, and decodes each token at bounded cost', () => {
    let longest = 0
    const measured = (ids: number[]) => {
      longest = Math.max(longest, ids.length)
      return decode(ids)
    }
    const emitted = pieces(measured, [], new Array(200).fill(0xff + offset))
    expect(emitted.slice(1)).toEqual(new Array(200).fill('\ufffd'))
    expect(longest).toBeLessThanOrEqual(16)
  })
})

describe('leading space', () => {
  const { ids, decode } = llama()

  it('is kept by the first generated token after a prompt', () => {
    expect(pieces(decode, ids('<s>', '▁the'), ids('▁the', 'cat'))).toEqual([' the', 'cat', ''])
  })

  it('is dropped at the start of a text without a prompt, as the decoder does', () => {
    expect(pieces(decode, [], ids('▁the', '▁the'))).toEqual(['the', ' the', ''])
  })

  it('survives runs of spaces longer than any window', () => {
    const spaces = ids(...new Array(50).fill('▁'))
    expect(pieces(decode, ids('cat'), [...spaces, ...ids('▁the')]).join('')).toBe(`${' '.repeat(51)}the`)
  })

  it('survives tokens that show no text, however many', () => {
    const { ids, decode } = llama(true)
    const prompt = [...ids('cat'), ...new Array(20).fill(ids('</s>')[0])]
    expect(pieces(decode, prompt, ids('▁the'))).toEqual([' the', ''])
    expect(pieces(decode, ids('cat'), [...prompt.slice(1), ...ids('▁the')]).join('')).toBe(' the')
  })
})

describe('prompt', () => {
  it('that ends within a character leaves the whole character to the first tokens that complete it', () => {
    const bytes = llamaBytes('猫')
    expect(pieces(llama().decode, bytes.slice(0, 2), bytes.slice(2))).toEqual(['猫', ''])
  })
})
