import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ErrorCode,
  type GenerateOptions,
  type Generation,
  loadModel,
  type Model,
  PacelineError,
  type Piece,
  type Prompt,
  promptLookup,
} from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tinyContextLength, tinyVocabSize, writeTinyFolder } from './tiny.ts'

const [contextLength, vocabSize] = [tinyContextLength, tinyVocabSize]
/** More tokens than any machine makes before a signal reaches it. */
const endless = 4000
let root: string
/** Writes small letters and spaces. */
let letters: Model

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-lifetime-'))
  letters = await loadModel(await writeTinyFolder(join(root, 'letters'), { writes: /[a-z ]/ }), { threads: 1 })
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
    await expect(letters.generate([{ role: 'user', content: 'Hi' }]).result()).rejects.toMatchObject({
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
    folder = await writeTinyFolder(join(root, 'loading'), { writes: /[a-z ]/ })
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
      message: 'dtype is "int2", expected one of f32, int8, int4, int4-pure',
    })
    await expect(loadModel(folder, { executor: 'abacus' as never })).rejects.toMatchObject({ code: 'argument' })
    await expect(loadModel(folder, { threads: 0 })).rejects.toMatchObject({ code: 'argument' })
    const broken = await writeTinyFolder(join(root, 'broken'), { writes: /a/ })
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
    folder = await writeTinyFolder(join(root, 'disposed'), { writes: /[a-z ]/ })
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
