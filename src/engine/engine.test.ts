import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type GenerateOptions,
  type Generation,
  loadModel,
  type Model,
  none,
  type Piece,
  type Prompt,
  promptLookup,
} from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tinyContextLength, tinyVocabSize, writeTinyFolder } from './tiny.ts'

const [contextLength, vocabSize] = [tinyContextLength, tinyVocabSize]
let root: string
/** Writes small letters and spaces, and has a chat template. */
let letters: Model

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-engine-'))
  const chatTemplate = '{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}'
  letters = await loadModel(await writeTinyFolder(join(root, 'letters'), { writes: /[a-z ]/, chatTemplate }), {
    threads: 1,
  })
})
afterAll(async () => {
  await letters.dispose()
  await rm(root, { recursive: true })
})

async function readAll(generation: Generation): Promise<Piece[]> {
  const pieces: Piece[] = []
  for await (const piece of generation) pieces.push(piece)
  return pieces
}

const textOf = (pieces: readonly Piece[]) => pieces.map(({ text }) => text).join('')
const tokensOf = (pieces: readonly Piece[]) => pieces.flatMap(({ token }) => token ?? [])
const generate = (prompt: Prompt, options?: GenerateOptions) => letters.generate(prompt, options).result()

const prompt = 'Once upon a time, there was a little '

describe('a generation', () => {
  test('streams the text it returns', async () => {
    const generation = letters.generate(prompt, { maxTokens: 60 })
    const pieces = await readAll(generation)
    const { text, ids, promptIds, finishReason, stats } = await generation.result()
    expect(text).toMatch(/^[a-z ]{60}$/)
    expect(textOf(pieces)).toBe(text)
    expect(tokensOf(pieces)).toEqual(ids)
    expect(ids.length).toBe(60)
    expect(promptIds).toEqual([256, ...Buffer.from(prompt)])
    expect(finishReason).toBe('length')
    expect(stats).toMatchObject({ tokens: 60, promptTokens: prompt.length + 1, forwards: 60, acceptanceLength: 1 })
    expect(await generation.stats()).toEqual(stats)
    expect(await generation.text()).toBe(text)
  })

  const samplings: [string, GenerateOptions][] = [
    ['greedy', {}],
    ['at temperature 1', { temperature: 1, seed: 5 }],
    [
      'with penalties and filters',
      { temperature: 0.8, frequencyPenalty: 0.5, repetitionPenalty: 1.1, topP: 0.9, seed: 6 },
    ],
  ]
  test.each(samplings)('is the same with and without a drafter, %s', async (_, sampling) => {
    const options = { maxTokens: 150, ...sampling }
    const plain = await generate(prompt, { ...options, drafter: none() })
    for (const drafter of [promptLookup(), promptLookup({ guesses: 2 })]) {
      const generation = letters.generate(prompt, { ...options, drafter })
      const pieces = await readAll(generation)
      const { ids, text, stats } = await generation.result()
      expect(ids).toEqual(plain.ids)
      expect(text).toBe(plain.text)
      expect(pieces.filter(({ drafted }) => drafted).length).toBe(ids.length - stats.forwards)
      expect(stats.forwards).toBeLessThan(plain.stats.forwards)
      expect(stats.acceptanceLength).toBeCloseTo(ids.length / stats.forwards, 10)
    }
  })

  test('has exactly as many tokens as asked for, 256 unless told', async () => {
    const { ids } = await generate(prompt)
    expect(ids.length).toBe(256)
    for (const maxTokens of [1, 2, 3, 8, 9]) {
      const short = await generate(prompt, { maxTokens, drafter: promptLookup() })
      expect(short.ids).toEqual(ids.slice(0, maxTokens))
      expect(short.finishReason).toBe('length')
    }
  })

  test('ends with the context, which prompt and text fill together', async () => {
    for (const drafter of [none(), promptLookup()]) {
      const { ids, finishReason } = await generate('x'.repeat(contextLength - 21), { maxTokens: 30, drafter })
      expect([ids.length, finishReason]).toEqual([20, 'length'])
    }
  })

  test('continues token ids as it continues their text', async () => {
    const ids = [256, ...Buffer.from(prompt)]
    expect(await generate({ ids }, { maxTokens: 20 })).toMatchObject({
      promptIds: ids,
      text: await letters.generate(prompt, { maxTokens: 20 }).text(),
    })
  })

  test('continues the ids that its tokenizer makes, which are opened once', async () => {
    const tokenizer = await letters.tokenizer()
    expect(await letters.tokenizer()).toBe(tokenizer)
    const { ids, text, promptIds } = await generate({ ids: tokenizer.encode(prompt) }, { maxTokens: 20 })
    expect(promptIds).toEqual(tokenizer.encode(prompt))
    expect(tokenizer.decode(ids)).toBe(text)
    expect(text).toBe((await generate(prompt, { maxTokens: 20 })).text)
    const chat = [{ role: 'user', content: 'hello' }]
    expect(tokenizer.encodeChat(chat)).toEqual((await generate(chat, { maxTokens: 1 })).promptIds)
    expect(() => tokenizer.decode([vocabSize])).toThrow(`expected 0 .. ${vocabSize - 1}`)
  })

  test('continues a conversation as its template writes it', async () => {
    const { text, promptIds } = await generate(
      [
        { role: 'user', content: 'Hi' },
        { role: 'user', content: 'there' },
      ],
      { maxTokens: 20 },
    )
    const written = '[user] Hi\n[user] there\n'
    expect(promptIds).toEqual([256, ...Buffer.from(written)])
    expect(text).toBe(await letters.generate(written, { maxTokens: 20 }).text())
  })

  test('with a seed can be repeated, and with another it is another', async () => {
    const sampled = async (seed: number) => (await generate(prompt, { maxTokens: 40, temperature: 1.5, seed })).text
    const first = await sampled(1)
    expect(await sampled(1)).toBe(first)
    expect(await sampled(2)).not.toBe(first)
  })

  test('that was drawn without a seed tells which it was, so that it can be repeated', async () => {
    const drawn = { maxTokens: 40, temperature: 1.5 }
    const { text, seed } = await generate(prompt, drawn)
    expect(seed).toBeTypeOf('number')
    expect((await generate(prompt, { ...drawn, seed: seed! })).text).toBe(text)
    expect((await generate(prompt, drawn)).seed).not.toBe(seed)
    expect(await generate(prompt, { maxTokens: 4 })).not.toHaveProperty('seed')
  })

  test('measures the parts of its speedup where asked', async () => {
    const { stats } = await generate(prompt, { maxTokens: 30, drafter: promptLookup(), measureSpeedup: true })
    const { S, tau, D, v, h, rowMs } = stats.speedup!
    expect(tau).toBe(stats.acceptanceLength)
    expect(S).toBeCloseTo(tau / (D + v + h), 10)
    expect(v).toBeCloseTo(stats.forwardMs / stats.forwards / rowMs, 10)
    expect((await generate(prompt, { maxTokens: 3 })).stats.speedup).toBeUndefined()
  })
})

describe('a stop string', () => {
  test('ends the text before it, wherever the tokens and blocks are cut', async () => {
    const pieces = await readAll(letters.generate(prompt, { maxTokens: 150, drafter: promptLookup() }))
    const whole = textOf(pieces)
    // Where a guessed token completes it, more tokens came out of the same pass.
    const stops = pieces.flatMap(({ drafted }, i) => (drafted && i >= 8 ? [whole.slice(i - 7, i + 1)] : []))
    const withinBlocks = stops.filter((stop) => pieces[whole.indexOf(stop) + 7].drafted)
    expect(withinBlocks.length).toBeGreaterThan(3)
    for (const stop of [whole.slice(1, 3), whole.slice(30, 35), ...withinBlocks.slice(0, 4)]) {
      const end = whole.indexOf(stop)
      for (const drafter of [none(), promptLookup()]) {
        const generation = letters.generate(prompt, { maxTokens: 150, stop: ['NEVER', stop], drafter })
        const read = await readAll(generation)
        const { text, ids, finishReason, stats } = await generation.result()
        expect(text).toBe(whole.slice(0, end))
        expect(textOf(read)).toBe(text)
        expect(finishReason).toBe('stop')
        // Its tokens were generated; nothing behind them was.
        expect(ids).toEqual([...Buffer.from(whole.slice(0, end + stop.length))])
        expect(tokensOf(read)).toEqual(ids)
        expect(stats.tokens).toBe(ids.length)
      }
    }
  })

  test('that is only begun at the end is part of the text', async () => {
    const whole = await letters.generate(prompt, { maxTokens: 20 }).text()
    const generation = letters.generate(prompt, { maxTokens: 20, stop: [`${whole.slice(-3)}!`] })
    const pieces = await readAll(generation)
    expect(textOf(pieces)).toBe(whole)
    expect(pieces.at(-1)).toEqual({ text: whole.slice(-3), drafted: false })
    expect((await generation.result()).finishReason).toBe('length')
  })
})

test('an end-of-text token ends the text and is its last token, unless it is ignored', async () => {
  await using model = await loadModel(await writeTinyFolder(join(root, 'ends with e'), { writes: /[a-z ]/, eos: 'e' }))
  const whole = await model.generate(prompt, { maxTokens: 100, ignoreEos: true }).result()
  expect(whole.ids.length).toBe(100)
  const end = whole.text.indexOf('e')
  expect(end).toBeGreaterThan(0)
  for (const drafter of [none(), promptLookup()]) {
    const { ids, finishReason } = await model.generate(prompt, { maxTokens: 100, drafter }).result()
    expect(ids).toEqual(whole.ids.slice(0, end + 1))
    expect(finishReason).toBe('stop')
  }
})

test('characters of several tokens, whole or broken, come out as in the whole text', async () => {
  await using model = await loadModel(await writeTinyFolder(join(root, 'bytes'), { writes: /[\s\S]/ }), {
    dtype: 'int8',
  })
  expect(model.info).toMatchObject({ dtype: 'int8', vocabSize, contextLength, architecture: 'llama' })
  for (const drafter of [none(), promptLookup()]) {
    const generation = model.generate(prompt, { maxTokens: 100, temperature: 1, seed: 3, drafter })
    const pieces = await readAll(generation)
    const { text, ids } = await generation.result()
    expect(textOf(pieces)).toBe(text)
    expect(tokensOf(pieces)).toEqual(ids)
    expect(text).toContain('\uFFFD')
  }
})

describe('several generations', () => {
  test('take turns in the order they were asked for, and are what they are alone', async () => {
    const prompts = ['one', 'two', 'three', 'four']
    // The later, the shorter: were they served side by side, the last would be ready first.
    const lengthOf = (text: string) => 40 - 10 * prompts.indexOf(text)
    const ended: string[] = []
    const together = await Promise.all(
      prompts.map(async (text) => {
        const result = await generate(text, { maxTokens: lengthOf(text) })
        ended.push(text)
        return result.ids
      }),
    )
    expect(ended).toEqual(prompts)
    for (const [i, text] of prompts.entries())
      expect((await generate(text, { maxTokens: lengthOf(text) })).ids).toEqual(together[i])
  })

  test('that wait can be stopped before their turn', async () => {
    const controller = new AbortController()
    const first = letters.generate(prompt, { maxTokens: 200 })
    const second = letters.generate(prompt, { maxTokens: 200, signal: controller.signal })
    controller.abort()
    expect((await first.result()).ids.length).toBe(200)
    expect(await second.result()).toMatchObject({ ids: [], finishReason: 'abort' })
  })
})

test('the application’s thread stays free while the model works', async () => {
  let ticks = 0
  const timer = setInterval(() => ticks++, 10)
  await Promise.all(new Array(8).fill(prompt).map((text) => generate(text, { maxTokens: 500 })))
  clearInterval(timer)
  // In a blocked thread no timer would be heard before the end.
  expect(ticks).toBeGreaterThan(1)
})
