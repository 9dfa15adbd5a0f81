import * as library from '@huggingface/tokenizers'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { createTextCodec, type TextCodec } from '../../../checkpoint/text.ts'
import { tokenizerFiles, trainBpe, WordCounts, wordsOf } from './index.ts'
import type { TrainedBpe } from './train.ts'
import { wordPattern } from './words.ts'

const corpus = [
  'def low(lower, lowest):\n    if lower < 12:\n        return lowest\n    return low(lower - 1, lowest)\n',
  'The lowest of 12 newer and wider rivers, newest first: "Ouse", Tees, Ärger, naïve.\n\n  It’s 日本 \u0085x\ufeff\n',
  'lower lower lower lowest newer newer wider   \t wider\r\n\tnew',
]

function train(mergeCount: number): { counts: WordCounts; trained: TrainedBpe; codec: TextCodec } {
  const counts = new WordCounts()
  for (const text of corpus) counts.add(text)
  const trained = trainBpe(counts.counts, mergeCount)
  // As they are read back from disk.
  const files = JSON.parse(JSON.stringify(tokenizerFiles(trained)))
  return { counts, trained, codec: createTextCodec({ ...files, chatTemplate: null }, 10_000) }
}

describe('a trained tokenizer', () => {
  let { counts, trained, codec } = {} as ReturnType<typeof train>
  beforeAll(() => {
    ;({ counts, trained, codec } = train(80))
  })
  const encode = (text: string) => codec.encode(text, { addSpecialTokens: false })

  test('any text survives the way to ids and back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        expect(codec.decode(encode(text))).toBe(text)
      }),
      { seed: 1 },
    )
    for (const text of corpus) expect(codec.decode(encode(text))).toBe(text)
  })

  test('encoding gives as many tokens as training counted', () => {
    const encoded = corpus.map((text) => encode(text).length).reduce((all, length) => all + length)
    expect(encoded).toBe(trained.symbolCount)
    expect(encoded).toBeLessThan(0.7 * Buffer.byteLength(corpus.join('')))
  })

  test('the library cuts a text into the words that training counts', () => {
    // Not in the library's own declarations.
    const { SplitPreTokenizer } = library as unknown as {
      SplitPreTokenizer: new (config: object) => { pre_tokenize(text: string): string[] }
    }
    const split = new SplitPreTokenizer({ pattern: { Regex: wordPattern }, behavior: 'Isolated', invert: false })
    const pieces = fc.constantFrom(
      ' ',
      '  ',
      '\n',
      '\r\n',
      '\t',
      'ab',
      'é',
      'e\u0301',
      '_',
      '(',
      '):',
      '12',
      '\u0085',
      '\ufeff',
      '日',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join('')
        expect(wordsOf(text).join('')).toBe(text)
        expect(split.pre_tokenize(text)).toEqual(wordsOf(text))
        expect(wordsOf(text).flatMap(encode)).toEqual(encode(text))
      }),
      { seed: 1, numRuns: 2000 },
    )
  })

  test('words: a sign or space goes with letters, digits are single, a line break takes its indentation along', () => {
    expect(wordsOf('x.append(a_b, 120):\n    return  y')).toEqual([
      'x',
      '.append',
      '(a',
      '_b',
      ',',
      ' 1',
      '2',
      '0',
      '):\n    ',
      'return',
      ' ',
      ' y',
    ])
  })

  test('ids are special tokens, bytes, merges in order', () => {
    expect(encode('<|begin|><|end|><|user|><|assistant|>')).toEqual([0, 1, 2, 3])
    expect(encode('\u0000')).toEqual([4])
    expect(codec.vocabSize).toBe(260 + trained.merges.length)
  })

  test('equal counts give equal merges, in whatever order words were met', () => {
    const backwards = new Map([...counts.counts].reverse())
    expect(trainBpe(backwards, 80)).toEqual(trained)
  })

  test('the incremental counts choose the pairs that counting anew would', () => {
    let words = Array.from(counts.counts, ([text, n]) => ({ symbols: [...Buffer.from(text)], n }))
    for (const [index, { left, right }] of trained.merges.entries()) {
      const pairs = new Map<number, number>()
      for (const { symbols, n } of words)
        for (let i = 1; i < symbols.length; i++) {
          const pair = symbols[i - 1] * 65_536 + symbols[i]
          pairs.set(pair, (pairs.get(pair) ?? 0) + n)
        }
      const [best] = [...pairs].sort(([a, x], [b, y]) => y - x || a - b)
      expect([left, right]).toEqual([Math.floor(best[0] / 65_536), best[0] % 65_536])
      words = words.map(({ symbols, n }) => {
        const merged: number[] = []
        for (let i = 0; i < symbols.length; i++) {
          const both = symbols[i] === left && symbols[i + 1] === right
          merged.push(both ? 256 + index : symbols[i])
          if (both) i++
        }
        return { symbols: merged, n }
      })
    }
  })
})

test('training ends where no pair occurs twice', () => {
  const { trained, codec } = train(50_000)
  expect(trained.merges.length).toBeLessThan(500)
  expect(codec.encode(' lowest', { addSpecialTokens: false })).toHaveLength(1)
})
