import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTextCodec } from '../checkpoint.ts'
import { createTextCodec, type TextCodec } from '../text.ts'
import { convertSentencePiece } from './convert.ts'
import { type PieceType, parseSentencePiece } from './model.ts'
import { readSettings } from './settings.ts'
import { llamaPieces, type ModelFile, modelFile, referenceIds } from './tiny.ts'
import { sentencePieceTokenizer } from './to-tokenizer.ts'

let root: string
let count = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-sentencepiece-'))
})
afterAll(() => rm(root, { recursive: true }))

const words = ['▁', ...'abcehlot', '▁t', 'he', '▁the', 'ca', 't', '▁ca', 'lo', '▁cat', 'é', '😀']
const pieces = llamaPieces(words)

async function folderWith(model: ModelFile | Uint8Array, files: Record<string, object> = {}): Promise<string> {
  const folder = join(root, String(count++))
  await mkdir(folder)
  await writeFile(join(folder, 'tokenizer.model'), model instanceof Uint8Array ? model : modelFile(model))
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), JSON.stringify(content))
  return folder
}

async function converted(model: ModelFile, files: Record<string, object> = {}): Promise<TextCodec> {
  const folder = await folderWith(model, files)
  await convertSentencePiece(folder)
  return openTextCodec(folder)
}

const settingsOf = (config: object) => readSettings({ config, added: undefined, special: undefined })

const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

test('a file is read as it was written', () => {
  const file = modelFile({ pieces, addDummyPrefix: false, charsMap: new Uint8Array(3) })
  expect(parseSentencePiece(file, 'tokenizer.model')).toEqual({
    ...{ pieces, algorithm: 'bpe', bosId: 1, eosId: 2 },
    ...{ charsMapBytes: 3, addDummyPrefix: false, removeExtraWhitespaces: false },
    ...{ escapesWhitespaces: true, whitespaceIsSuffix: false },
  })
})

test('a tokenizer with BOS, bytes for what no piece covers, and the text back', async () => {
  const codec = await converted({ pieces })
  const id = (text: string) => pieces.findIndex((piece) => piece.text === text)
  expect(codec.vocabSize).toBe(pieces.length)
  expect(codec.encode('the cat')).toEqual([1, id('▁the'), id('▁cat')])
  expect(codec.encode('ü', { addSpecialTokens: false })).toEqual([id('▁'), 3 + 0xc3, 3 + 0xbc])
  expect(codec.encode('<s>', { addSpecialTokens: false })).toEqual([1])
  for (const text of ['the cat', ' two  spaces ', 'ünï 😀\n'])
    expect(codec.decode(codec.encode(text), { skipSpecialTokens: true })).toBe(text)
})

test('ids are those of SentencePiece, whatever the pieces and the text, where no two scores are equal', () => {
  const alphabet = [...'▁abcé']
  const merges = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 30 })
  const text = fc.string({ unit: fc.constantFrom(...' abcéx'), maxLength: 30 })
  fc.assert(
    fc.property(merges, fc.array(text, { maxLength: 5 }), fc.boolean(), (merges, texts, legacy) => {
      // As training makes them: each piece of two earlier ones.
      const normal = [...alphabet]
      for (const [left, right] of merges) {
        const piece = normal[left % normal.length] + normal[right % normal.length]
        if (!normal.includes(piece) && piece.length <= 8) normal.push(piece)
      }
      // Characters come last, as in published models: their scores are the lowest.
      const pieces = llamaPieces([...normal.slice(alphabet.length), ...alphabet])
      const settings = settingsOf({ legacy, add_bos_token: false })
      const model = parseSentencePiece(modelFile({ pieces }), 'tokenizer.model')
      const tokenizer = sentencePieceTokenizer(model, settings, 'tokenizer.model')
      const codec = createTextCodec({ tokenizer, config: {}, chatTemplate: null }, pieces.length)
      // Before a text that begins with a space transformers puts no other one where it is not "legacy".
      for (const text of texts.filter((text) => text !== '' && (legacy || !text.startsWith(' '))))
        expect(codec.encode(text), JSON.stringify({ text, normal })).toEqual(referenceIds(pieces, text))
    }),
  )
})

test('of pieces with equal scores, as were added to published models, the one with the longer left part is merged first', async () => {
  const added = ['ab', 'cd', 'abc'].map((text) => ({ text, score: 0, type: 'normal' as const }))
  const all = [...llamaPieces(['▁', 'a', 'b', 'c', 'd']), ...added]
  const codec = await converted({ pieces: all })
  const tokens = codec.encode('abcd', { addSpecialTokens: false }).map((id) => codec.tokenOf(id))
  expect(tokens).toEqual(['▁', 'abc', 'd'])
})

test('a piece that a user defined is found before others, and is no special token', async () => {
  const codec = await converted({ pieces: [...pieces, { text: 'the', score: 0, type: 'user-defined' }] })
  const ids = codec.encode('cat the', { addSpecialTokens: false })
  expect(ids.map((id) => codec.tokenOf(id))).toEqual(['▁cat', '▁', 'the'])
  expect(codec.decode(ids, { skipSpecialTokens: true })).toBe('cat the')
})

describe('the files beside it', () => {
  test('say whether BOS and EOS are added, and what other tokens there are', async () => {
    const codec = await converted(
      { pieces },
      {
        'tokenizer_config.json': {
          ...{ add_bos_token: false, add_eos_token: true, legacy: false },
          added_tokens_decoder: { 1: { content: '<s>', special: true }, 900: { content: '<pad>', special: true } },
        },
        'added_tokens.json': { '<extra>': 901 },
      },
    )
    expect(codec.encode('the<extra>')).toEqual([pieces.findIndex(({ text }) => text === '▁the'), 901, 2])
    expect(codec.tokenOf(900)).toBe('<pad>')
    expect(codec.vocabSize).toBe(902)
    expect(codec.decode([900, 901], { skipSpecialTokens: true })).toBe('<extra>')
  })

  test('say which tokens are special, by the part that they play', async () => {
    const added = { '<|im_end|>': 900, '<|user|>': 901, '<other>': 902, '<pad>': 903 }
    const codec = await converted(
      { pieces },
      {
        'added_tokens.json': added,
        'tokenizer_config.json': { eos_token: '<|im_end|>', add_eos_token: true, add_bos_token: false },
        'special_tokens_map.json': { pad_token: { content: '<pad>' }, additional_special_tokens: ['<|user|>'] },
      },
    )
    expect(codec.encode('the')).toEqual([pieces.findIndex(({ text }) => text === '▁the'), 900])
    expect(codec.decode(Object.values(added), { skipSpecialTokens: true })).toBe('<other>')
  })

  test('say how a token is looked for', async () => {
    const decoder = { 900: { content: '<u>', rstrip: true, special: true } }
    const codec = await converted({ pieces }, { 'tokenizer_config.json': { added_tokens_decoder: decoder } })
    const ids = codec.encode('<u>\n\nthe', { addSpecialTokens: false })
    expect(ids.map((id) => codec.tokenOf(id))).toEqual(['<u>', '▁the'])
  })

  test('say where a text begins with a space: each part of it, or the first', async () => {
    const spaces = async (legacy: boolean) => {
      const codec = await converted({ pieces }, { 'tokenizer_config.json': { legacy } })
      return codec.encode('the</s>the', { addSpecialTokens: false }).map((id) => codec.tokenOf(id))
    }
    const none = await converted({ pieces }, { 'tokenizer_config.json': { add_prefix_space: false } })
    expect(none.encode('the', { addSpecialTokens: false }).map((id) => none.tokenOf(id))).toEqual(['t', 'he'])
    expect(await spaces(true)).toEqual(['▁the', '</s>', '▁the'])
    expect(await spaces(false)).toEqual(['▁the', '</s>', 't', 'he'])
  })

  test('are refused by name where they break their format', async () => {
    const refused = async (files: Record<string, object>, code: string, message: string) =>
      expect(convertSentencePiece(await folderWith({ pieces }, files))).rejects.toThrow(error(code, message))
    const config = (fields: object) => ({ 'tokenizer_config.json': fields })
    const decoder = (tokens: object) => config({ added_tokens_decoder: tokens })
    await refused({ 'added_tokens.json': { '<extra>': -1 } }, 'checkpoint', 'added_tokens.json: <extra> is -1')
    await refused({ 'added_tokens.json': [] }, 'format', 'added_tokens.json: the file is [], expected a JSON object')
    await refused(decoder({ 5: {} }), 'format', 'added_tokens_decoder.5.content is missing')
    await refused(decoder({ x: { content: 'x' } }), 'checkpoint', 'added_tokens_decoder.x is {"content":"x"}')
    await refused(config({ legacy: 'no' }), 'format', 'legacy is "no", expected true or false')
    await refused(config({ add_eos_token: true, eos_token: '<end>' }), 'format', 'eos_token is "<end>"')
  })
})

describe('refused, and nothing is written', () => {
  test.each<[string, Partial<ModelFile>, string]>([
    ['a unigram model', { modelType: 1 }, 'model_type is unigram'],
    ['a model that replaces characters', { charsMap: new Uint8Array(9) }, 'precompiled_charsmap'],
    ['a model that takes spaces out', { removeExtraWhitespaces: true }, 'remove_extra_whitespaces'],
    [
      'a piece of a type that BPE models do not have',
      { pieces: [...pieces, { text: 'x', score: -99, type: 'unused' satisfies PieceType }] },
      'its piece "x" is of the type unused',
    ],
    [
      'a piece with a space that a user defined',
      { pieces: [...pieces, { text: '▁▁', score: 0, type: 'user-defined' }] },
      'its piece "▁▁", which a user defined, has a space',
    ],
    ['spaces that end words', { whitespaceIsSuffix: true }, 'treat_whitespace_as_suffix'],
    ['spaces that stay', { escapesWhitespaces: false }, 'escape_whitespaces'],
  ])('%s', async (_, change, message) => {
    const folder = await folderWith({ pieces, ...change })
    await expect(convertSentencePiece(folder)).rejects.toThrow(error('unsupported', message))
    await expect(readFile(join(folder, 'tokenizer.json'))).rejects.toThrow('ENOENT')
  })

  test('bytes that are no SentencePiece model', async () => {
    for (const bytes of [
      new Uint8Array(),
      new TextEncoder().encode('version https://git-lfs'),
      modelFile({ pieces: [] }),
    ])
      await expect(convertSentencePiece(await folderWith(bytes))).rejects.toThrow(error('format', 'tokenizer.model: '))
  })

  test('a damaged file, wherever it is damaged: an error of code format or unsupported, or a tokenizer', async () => {
    const whole = modelFile({ pieces })
    const settings = settingsOf({})
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const bytes = cut ? whole.slice(0, at) : whole.slice()
        if (!cut) bytes[at] = byte
        try {
          sentencePieceTokenizer(parseSentencePiece(bytes, 'tokenizer.model'), settings, 'tokenizer.model')
        } catch (error) {
          expect(['format', 'unsupported']).toContain((error as { code?: string }).code)
        }
      }),
    )
  })

  test('a folder that has a tokenizer.json, unless it is to be replaced', async () => {
    const folder = await folderWith({ pieces }, { 'tokenizer.json': {} })
    await expect(convertSentencePiece(folder)).rejects.toThrow(error('argument', 'is there already'))
    expect(await readFile(join(folder, 'tokenizer.json'), 'utf8')).toBe('{}')
    await convertSentencePiece(folder, { replace: true })
    expect((await openTextCodec(folder)).vocabSize).toBe(pieces.length)
  })

  test('a folder without tokenizer.model', async () => {
    await expect(convertSentencePiece(root)).rejects.toThrow(error('file', 'tokenizer.model cannot be read'))
    await expect(convertSentencePiece(join(root, 'none'))).rejects.toThrow(error('file', 'there is no such folder'))
  })
})
