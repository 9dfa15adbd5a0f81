import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ErrorCode,
  type GenerateOptions,
  type Generation,
  loadModel,
  type Model,
  none,
  PacelineError,
  type Piece,
  type Prompt,
  promptLookup,
} from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RandomCheckpointOptions, writeRandomCheckpoint } from '../checkpoint/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { writeSafetensors } from '../tensor/index.ts'

const contextLength = 4096
/** More tokens than any machine makes before a signal reaches it. */
const endless = 4000
const vocabSize = 320
let root: string
/** Writes small letters and spaces, and has a chat template. */
let letters: Model

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-engine-'))
  const chatTemplate = '{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}'
  letters = await loadModel(await writeModel('letters', { tokens: /[a-z ]/, chatTemplate }), { threads: 1 })
})
afterAll(async () => {
  await letters.dispose()
  await rm(root, { recursive: true })
})

interface Written extends RandomCheckpointOptions {
  /** The only bytes it writes. */
  readonly tokens: RegExp
  readonly eos?: string
}

/** Writes a model whose tokens are bytes; ids 256 and 257 are BOS and EOS. */
async function writeModel(name: string, { tokens, eos, ...options }: Written): Promise<string> {
  const folder = join(root, name)
  const eosTokenIds = [eos === undefined ? 257 : eos.charCodeAt(0)]
  const { spec, tensors } = tinyModel({ vocabSize, contextLength, eosTokenIds }, 3)
  await writeRandomCheckpoint(folder, spec, 0, options)
  const head = tensors['lm_head.weight'].data
  for (let id = 0; id < vocabSize; id++)
    // A logit of 0 is always below the best of the others.
    if (id > 255 || !tokens.test(String.fromCharCode(id)))
      head.fill(0, id * spec.hiddenSize, (id + 1) * spec.hiddenSize)
  await writeSafetensors(join(folder, 'model.safetensors'), tensors)
  return folder
}

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
  await using model = await loadModel(await writeModel('ends with e', { tokens: /[a-z ]/, eos: 'e' }))
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
  await using model = await loadModel(await writeModel('bytes', { tokens: /[\s\S]/ }), { dtype: 'int8' })
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

describe('an AbortSignal', () => {
  const reason = new Error('enough')

  test('that is up before ends the generation before its first token', async () => {
    const generation = letters.generate(prompt, { signal: AbortSignal.abort(reason) })
    await expect(readAll(generation)).rejects.toBe(reason)
    expect(await generation.result()).toMatchObject({ ids: [], text: '', finishReason: 'abort' })
  })

  test('ends a generation between passes: its pieces so far, then the reason', async () => {
    const controller = new AbortController()
    const generation = letters.generate(prompt, { maxTokens: endless, signal: controller.signal })
    const pieces: Piece[] = []
    const reading = (async () => {
      for await (const piece of generation) if (pieces.push(piece) === 5) controller.abort(reason)
    })()
    await expect(reading).rejects.toBe(reason)
    const { text, ids, finishReason } = await generation.result()
    expect(finishReason).toBe('abort')
    expect(ids.length).toBeGreaterThanOrEqual(5)
    expect(ids.length).toBeLessThan(endless)
    expect(textOf(pieces)).toBe(text)
  })

  test('that goes up afterwards changes nothing', async () => {
    const controller = new AbortController()
    const generation = letters.generate(prompt, { maxTokens: 5, signal: controller.signal })
    const { ids } = await generation.result()
    controller.abort(reason)
    expect(tokensOf(await readAll(generation))).toEqual(ids)
    expect((await generate(prompt, { maxTokens: 5 })).ids).toEqual(ids)
  })
})

describe('reading', () => {
  test('left early stops the generation, and the next one begins', async () => {
    const generation = letters.generate(prompt, { maxTokens: endless })
    for await (const { token } of generation) if (token !== undefined) break
    const next = letters.generate(prompt, { maxTokens: 5 })
    expect((await next.result()).ids.length).toBe(5)
    const { ids, finishReason } = await generation.result()
    expect(finishReason).toBe('abort')
    expect(ids.length).toBeLessThan(endless)
  })

  test('is not needed, and can begin late', async () => {
    const generation = letters.generate(prompt, { maxTokens: 10 })
    const { ids } = await generation.result()
    expect(tokensOf(await readAll(generation))).toEqual(ids)
  })

  test('is possible once', async () => {
    const generation = letters.generate(prompt, { maxTokens: 2 })
    await readAll(generation)
    await expect(readAll(generation)).rejects.toMatchObject({ code: 'argument' })
  })
})

describe('what cannot be generated is an error where the generation is read', () => {
  const tooLong = 'x'.repeat(contextLength)
  test.each<[string, Prompt, GenerateOptions, ErrorCode, RegExp]>([
    ['an empty prompt', '', {}, 'argument', /prompt is empty/],
    ['no messages', [], {}, 'argument', /prompt is empty/],
    ['no token ids', { ids: [] }, {}, 'argument', /prompt is empty/],
    ['no prompt', undefined as never, {}, 'argument', /a text, a list of chat messages, or \{ ids \}/],
    ['an object without ids', {} as never, {}, 'argument', /a text, a list of chat messages, or \{ ids \}/],
    ['an id beyond the vocabulary', { ids: [vocabSize] }, {}, 'argument', /320 is not a token id/],
    ['an id far back beyond it', { ids: [vocabSize, ...new Array(30).fill(97)] }, {}, 'argument', /token id 320/],
    ['an id that is no integer', { ids: [97.5, ...new Array(30).fill(97)] }, {}, 'argument', /ids\[0\] is 97.5/],
    ['a prompt as long as the context', tooLong, {}, 'context', /4097 tokens, the context of the model is 4096/],
    ['no tokens to generate', 'a', { maxTokens: 0 }, 'argument', /maxTokens is 0/],
    ['half a token', 'a', { maxTokens: 1.5 }, 'argument', /maxTokens is 1.5/],
    ['an empty stop string', 'a', { stop: [''] }, 'argument', /stop\[0\]/],
    ['a stop string without a list', 'a', { stop: 'b' as never }, 'argument', /stop must be a list/],
    ['a temperature below 0', 'a', { temperature: -1 }, 'argument', /temperature/],
    ['an unknown drafter', 'a', { drafter: 'magic' }, 'argument', /no drafter "magic"/],
    ['a function for a drafter', 'a', { drafter: promptLookup as never }, 'argument', /plain data/],
  ])('%s', async (_, wrong, options, code, message) => {
    const generation = letters.generate(wrong, options)
    await expect(readAll(generation)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    await expect(generation.result()).rejects.toBeInstanceOf(PacelineError)
    expect((await generate('a', { maxTokens: 1 })).ids.length).toBe(1)
  })

  test('a conversation with a model that has no chat template', async () => {
    await using model = await loadModel(await writeModel('plain', { tokens: /[a-z ]/ }))
    await expect(model.generate([{ role: 'user', content: 'Hi' }]).result()).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/no chat template/),
    })
  })

  test('guesses that are no number, at once', () => {
    expect(() => promptLookup({ guesses: 0 })).toThrow(expect.objectContaining({ code: 'argument' }))
  })
})

describe('loading', () => {
  let folder: string
  beforeAll(async () => {
    folder = await writeModel('loading', { tokens: /[a-z ]/ })
  })

  test('tells what was loaded, and how far it is', async () => {
    const shares: number[] = []
    const onProgress = (share: number) => shares.push(share)
    await using model = await loadModel(folder, { executor: 'onnx', threads: 1, onProgress })
    expect(model.info).toEqual({
      folder,
      architecture: 'llama',
      dtype: 'f32',
      executor: expect.stringMatching(/^(native|onnx)$/),
      executorDetail: expect.any(String),
      parameters: 36_000,
      contextLength,
      vocabSize,
      weightBytes: expect.any(Number),
    })
    expect(model.info.weightBytes).toBeGreaterThanOrEqual(36_000 * 4)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBeGreaterThan(0.98)
  })

  test.each(['auto', 'onnx'] as const)('int4 weights run (executor: %s)', async (executor) => {
    await using model = await loadModel(folder, { dtype: 'int4', executor })
    expect(await model.generate(prompt, { maxTokens: 30, drafter: promptLookup() }).text()).toMatch(/^[a-z ]{30}$/)
  })

  test('what cannot be loaded is an error that says why', async () => {
    await expect(loadModel(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'file' })
    await expect(loadModel(folder, { dtype: 'int2' as never })).rejects.toMatchObject({
      code: 'argument',
      message: 'dtype is "int2", expected one of f32, int8, int4',
    })
    await expect(loadModel(folder, { executor: 'abacus' as never })).rejects.toMatchObject({ code: 'argument' })
    await expect(loadModel(folder, { threads: 0 })).rejects.toMatchObject({ code: 'argument' })
    const broken = await writeModel('broken', { tokens: /a/ })
    await writeFile(join(broken, 'config.json'), '{ "model_type": "mamba" }')
    await expect(loadModel(broken)).rejects.toMatchObject({ code: 'unsupported' })
    await writeFile(join(broken, 'config.json'), '{')
    await expect(loadModel(broken)).rejects.toMatchObject({ code: 'format' })
  })

  test('ends with the reason of its signal', async () => {
    const reason = new Error('changed my mind')
    await expect(loadModel(folder, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const loading = loadModel(folder, { signal: controller.signal, onProgress: () => controller.abort(reason) })
    await expect(loading).rejects.toBe(reason)
  })
})

describe('a model that is disposed of', () => {
  let folder: string
  beforeAll(async () => {
    folder = await writeModel('disposed', { tokens: /[a-z ]/ })
  })
  const gone = { code: 'runtime', message: expect.stringMatching(/has been disposed of/) }

  test('ends what it was generating, with what it had', async () => {
    const model = await loadModel(folder)
    const generations = [1, 2, 3].map(() => model.generate(prompt, { maxTokens: endless }))
    for await (const { token } of generations[0]) if (token !== undefined) break
    await model.dispose()
    for (const generation of generations) {
      const { finishReason, ids } = await generation.result()
      expect(finishReason).toBe('abort')
      expect(ids.length).toBeLessThan(endless)
    }
  })

  test('generates no more, neither at once nor later', async () => {
    const model = await loadModel(folder)
    const disposed = model.dispose()
    const atOnce = model.generate(prompt)
    await disposed
    await model.dispose()
    // It was asked for before the thread had ended; whichever was first, it holds no text.
    await atOnce.result().then(
      ({ ids, finishReason }) => expect([ids, finishReason]).toEqual([[], 'abort']),
      (error) => expect(error).toMatchObject(gone),
    )
    await expect(model.generate(prompt).result()).rejects.toMatchObject(gone)
    await expect(readAll(model.generate(prompt))).rejects.toMatchObject(gone)
  })

  test('at the end of its block, with `await using`', async () => {
    let model: Model
    {
      await using scoped = await loadModel(folder)
      model = scoped
      expect((await scoped.generate(prompt, { maxTokens: 3 }).result()).ids.length).toBe(3)
    }
    await expect(model.generate(prompt).result()).rejects.toMatchObject(gone)
  })
})
