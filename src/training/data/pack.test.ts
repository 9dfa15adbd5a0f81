import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeRandomCheckpoint } from '../../checkpoint/index.ts'
import { PackedDataset } from './dataset.ts'
import { packDataset } from './pack.ts'
import { openTokenizer } from './tokenizer.ts'

let folder = ''
let files: string[] = []
const at = (name: string) => join(folder, name)
const sums = Array.from({ length: 200 }, (_, i) => ({ prompt: `What is ${i} + ${i}?`, response: `    ${2 * i}\n` }))

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-pack-'))
  await writeFile(at('sums.jsonl'), sums.map((line) => `${JSON.stringify(line)}\n`).join(''))
  await writeFile(at('prose.jsonl'), '{"text":"Twice a number is the number and itself: höher.\\n"}\n{"text":"No."}\n')
  files = [at('sums.jsonl'), at('prose.jsonl')]
  await packDataset({ files, folder: at('data'), vocabulary: 400, validation: 0.1, promptWeight: 0.2, sources: 'ours' })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a packed dataset', () => {
  test('holds every document once, in the chat format, with the weights asked for', async () => {
    const dataset = await PackedDataset.open(at('data'))
    const { codec } = await openTokenizer(at('data'))
    const found = new Map<string, number[]>()
    for (const name of ['train', 'validation'] as const) {
      const { documentCount, starts, tokens, weights, responseStarts } = dataset.split(name)
      for (let i = 0; i < documentCount; i++) {
        const [start, response, end] = [starts[i], responseStarts[i], starts[i + 1]]
        const stored = Array.from(weights.subarray(start, end))
        const prompt = response - start - 1
        expect(stored).toEqual([0, ...Array(prompt).fill(51), ...Array(end - response).fill(255)])
        found.set(codec.decode(tokens.subarray(start, end)), stored)
      }
    }
    expect([...found.keys()].sort()).toEqual(
      [
        ...sums.map(({ prompt, response }) => `<|begin|><|user|>${prompt}<|assistant|>${response}<|end|>`),
        '<|begin|>Twice a number is the number and itself: höher.\n<|end|>',
        '<|begin|>No.<|end|>',
      ].sort(),
    )
    expect(dataset.info).toMatchObject({
      chatFormat: '<|begin|><|user|>{prompt}<|assistant|>{response}<|end|>',
      tasks: ['sums', 'prose'],
      promptWeight: 0.2,
      sources: 'ours',
      census: { read: 202, empty: 0, duplicate: 0, special: 0 },
    })
  })

  test('counts what it holds: bytes of text, responses apart', async () => {
    const dataset = await PackedDataset.open(at('data'))
    const [train, validation] = [dataset.total('train'), dataset.total('validation')]
    const bytesOf = (texts: string[]) => texts.reduce((all, text) => all + Buffer.byteLength(text), 0)
    const prose = bytesOf(['Twice a number is the number and itself: höher.\n', 'No.'])
    expect(train.documents + validation.documents).toBe(202)
    expect(validation.documents).toBeGreaterThan(5)
    expect(train.responseBytes + validation.responseBytes).toBe(bytesOf(sums.map((line) => line.response)) + prose)
    expect(train.bytes + validation.bytes).toBe(bytesOf(sums.flatMap((line) => [line.prompt, line.response])) + prose)
  })

  test('a conversation starts as generation from messages starts, token by token', async () => {
    const dataset = await PackedDataset.open(at('data'))
    const { tokens, starts, responseStarts, tasks } = dataset.split('train')
    const { codec } = await openTokenizer(at('data'))
    await writeRandomCheckpoint(at('model'), { vocabSize: dataset.info.tokenizer.vocabSize }, 1)
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      await cp(join(at('data'), file), join(at('model'), file))
    await using model = await loadModel(at('model'))
    const documents = [...tasks.keys()].filter((i) => tasks[i] === 0).slice(0, 5)
    for (const i of documents) {
      const stored = [...tokens.subarray(starts[i], responseStarts[i])]
      const content = codec.decode(stored, { skipSpecialTokens: true })
      const { promptIds } = await model.generate([{ role: 'user', content }], { maxTokens: 1 }).result()
      expect(promptIds).toEqual(stored)
    }
  })

  test('the same files and seed give the same bytes, also with the tokenizer of the first', async () => {
    const again = { files, validation: 0.1, promptWeight: 0.2 }
    await packDataset({ ...again, folder: at('again'), vocabulary: 400 })
    await packDataset({ ...again, folder: at('third'), tokenizer: at('data') })
    for (const file of await readdir(at('data')))
      for (const other of ['again', 'third'])
        if (file !== 'dataset.json')
          expect((await readFile(join(at('data'), file))).equals(await readFile(join(at(other), file)))).toBe(true)
  })
})

describe('opening', () => {
  const damaged = async (name: string, damage: (folder: string) => Promise<void>) => {
    await cp(at('data'), at(name), { recursive: true })
    await damage(at(name))
    return PackedDataset.open(at(name))
  }

  test('a dataset of another tokenizer is refused, with both fingerprints', async () => {
    const { fingerprint } = (await PackedDataset.open(at('data'))).info.tokenizer
    await PackedDataset.open(at('data'), { fingerprint })
    const error = PackedDataset.open(at('data'), { fingerprint: 'sha256:other' })
    await expect(error).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining(fingerprint) })
    await expect(error).rejects.toThrow('sha256:other')
  })

  test.each(['tokens', 'weights', 'documents'])('a file of %s of another size is refused', async (part) => {
    const file = `train.${part}.bin`
    const error = { code: 'format', message: expect.stringContaining(file) }
    await expect(damaged(`long-${part}`, (to) => appendFile(join(to, file), 'x'))).rejects.toMatchObject(error)
  })

  test('documents out of place and tokens outside the vocabulary are refused', async () => {
    const fill = (file: string) => async (to: string) =>
      writeFile(join(to, file), (await readFile(join(to, file))).fill(0xff))
    await expect(damaged('places', fill('train.documents.bin'))).rejects.toThrow('document 0 is out of place')
    await expect(damaged('ids', fill('validation.tokens.bin'))).rejects.toThrow('token 0 has id 65535')
  })

  test('no dataset, a dataset.json of something else, or of a later version, are refused', async () => {
    await expect(PackedDataset.open(folder)).rejects.toMatchObject({ code: 'file' })
    const change = (to: string) => writeFile(join(to, 'dataset.json'), '{}')
    await expect(damaged('foreign', change)).rejects.toThrow('"format" is not "paceline-dataset"')
    const later = async (to: string) => {
      const info = JSON.parse(await readFile(join(to, 'dataset.json'), 'utf8'))
      await writeFile(join(to, 'dataset.json'), JSON.stringify({ ...info, version: 2 }))
    }
    await expect(damaged('later', later)).rejects.toThrow('"version" is not 1')
  })
})

describe('writing', () => {
  const beside = async () => (await readdir(folder)).filter((name) => name.endsWith('.tmp') || name.endsWith('.old'))

  test('a dataset is replaced only on demand, anything else never', async () => {
    await packDataset({ files: [at('prose.jsonl')], folder: at('new'), vocabulary: 270 })
    const again = { files: [at('sums.jsonl')], folder: at('new'), vocabulary: 270 }
    await expect(packDataset(again)).rejects.toMatchObject({ code: 'file', message: /--force/ })
    await packDataset({ ...again, force: true })
    expect((await PackedDataset.open(at('new'))).info.tasks).toEqual(['sums'])
    await mkdir(at('other'))
    await writeFile(at('other/precious.txt'), '')
    await expect(packDataset({ ...again, folder: at('other'), force: true })).rejects.toThrow('never replaced')
    expect(await beside()).toEqual([])
  })

  test('a bad line or an abort leaves nothing behind, and what was there as it was', async () => {
    await packDataset({ files: [at('prose.jsonl')], folder: at('kept'), vocabulary: 270 })
    const before = await readFile(at('kept/dataset.json'), 'utf8')
    await writeFile(at('bad.jsonl'), '{"text":"good"}\n{"text"\n')
    const again = { folder: at('kept'), vocabulary: 270, force: true }
    await expect(packDataset({ ...again, files: [at('bad.jsonl')] })).rejects.toThrow('bad.jsonl, line 2')
    const abort = new AbortController()
    const onProgress = () => abort.abort(new Error('enough'))
    const aborted = packDataset({ ...again, files, vocabulary: 400, signal: abort.signal, onProgress })
    await expect(aborted).rejects.toThrow('enough')
    expect(await readFile(at('kept/dataset.json'), 'utf8')).toBe(before)
    expect(await beside()).toEqual([])
  })

  test('options out of range are refused', async () => {
    const pack = (options: object) => packDataset({ files, folder: at('never'), ...options })
    await expect(pack({ vocabulary: 100 })).rejects.toThrow('vocabulary is 100, expected an integer from 260')
    await expect(pack({ validation: 2 })).rejects.toThrow('validation is 2, expected 0 to 1')
    await expect(pack({ promptWeight: -1 })).rejects.toThrow('promptWeight is -1')
    await expect(pack({ files: [] })).rejects.toThrow('no files')
    await expect(pack({ tokenizer: 'x', vocabulary: 300 })).rejects.toThrow('not both')
    await writeFile(at('blank.jsonl'), '\n')
    await expect(pack({ files: [at('blank.jsonl')] })).rejects.toThrow('There is no text in')
  })

  test('a tokenizer without an end token or a chat template is refused by name', async () => {
    await writeRandomCheckpoint(at('plain'), 'llama-tiny', 1)
    await expect(packDataset({ files, folder: at('never'), tokenizer: at('plain') })).rejects.toThrow(
      'no chat template',
    )
    await writeFile(at('plain/tokenizer_config.json'), '{}')
    await expect(packDataset({ files, folder: at('never'), tokenizer: at('plain') })).rejects.toThrow('"eos_token"')
  })

  test.each([
    ['that goes on', '', 'ab \n'],
    ['whose chat template trims', ' | trim', 'ab'],
  ])('a response that was cut off has no end, with a tokenizer %s', async (name, filter, text) => {
    const chatTemplate = `{% for message in messages %}[{{ message.content${filter} }}]</s>{% endfor %}`
    await writeRandomCheckpoint(at(name), 'llama-tiny', 1, { chatTemplate: chatTemplate.replace('[', '') })
    const rows = [
      { prompt: 'a', response: 'ab \n', finish: 'length' },
      { prompt: 'b', response: 'ab \n', finish: 'stop' },
    ]
    await writeFile(at('cut.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    await packDataset({ files: [at('cut.jsonl')], folder: at(`${name}-data`), tokenizer: at(name), validation: 0 })
    const { codec } = await openTokenizer(at(`${name}-data`))
    const { tokens, starts } = (await PackedDataset.open(at(`${name}-data`))).split('train')
    const documents = [0, 1].map((i) => codec.decode(tokens.subarray(starts[i], starts[i + 1])))
    expect(documents).toEqual([`<s>a]</s>${text}`, `<s>b]</s>${text}]</s>`])
  })

  test('what groups documents is kept with the data', async () => {
    const groups = { groupBefore: 'Question:' }
    const info = await packDataset({ files: [at('prose.jsonl')], folder: at('groups'), vocabulary: 270, ...groups })
    expect(info).toMatchObject(groups)
    expect((await PackedDataset.open(at('groups'))).info).toEqual(info)
  })

  test("another model's tokenizer and chat template do as well", async () => {
    const chatTemplate =
      '{% for message in messages %}[{{ message.role }}]{{ message.content }}</s>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}'
    await writeRandomCheckpoint(at('foreign-model'), 'llama-tiny', 1, { chatTemplate })
    await packDataset({ files: [at('sums.jsonl')], folder: at('foreign-data'), tokenizer: at('foreign-model') })
    const dataset = await PackedDataset.open(at('foreign-data'))
    const { codec } = await openTokenizer(at('foreign-data'))
    const { tokens, starts } = dataset.split('train')
    expect(codec.decode(tokens.subarray(starts[0], starts[1]))).toMatch(
      /^<s>\[user\]What .*\?<\/s>\[assistant\] {4}\d+\n<\/s>$/,
    )
  })
})
