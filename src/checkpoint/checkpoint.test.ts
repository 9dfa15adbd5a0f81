import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../tensor/index.ts'
import { pytorchFile } from '../tensor/pytorch/write-archive.ts'
import { openCheckpoint } from './checkpoint.ts'
import { randomCheckpoint } from './random.ts'
import type { ModelSpec } from './spec.ts'
import { writeRandomCheckpoint } from './write-random.ts'

let root: string
let count = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-checkpoint-'))
})
afterAll(() => rm(root, { recursive: true }))

/** A fresh folder with a whole checkpoint, then with some files replaced, or (null) removed. */
async function written(files: Record<string, string | null> = {}, shape: Partial<ModelSpec> = {}): Promise<string> {
  const folder = join(root, String(count++))
  await writeRandomCheckpoint(folder, shape, 1)
  for (const [file, content] of Object.entries(files)) {
    if (content === null) await rm(join(folder, file))
    else await writeFile(join(folder, file), content)
  }
  return folder
}

const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

describe('a folder that was written opens as what was written', () => {
  test.each<[string, Partial<ModelSpec>]>([
    ['llama', { mlpBias: true, qkvBias: true, outputBias: true }],
    ['mistral', { architecture: 'mistral', windows: [null, 32] }],
    ['qwen2', { architecture: 'qwen2', qkvBias: true, tiedEmbeddings: true }],
    ['qwen3', { architecture: 'qwen3', qkNorm: true, headDim: 32, bosTokenId: null, eosTokenIds: [257, 10] }],
  ])('%s', async (_, shape) => {
    const checkpoint = await openCheckpoint(await written({}, shape))
    const inMemory = randomCheckpoint(shape, 1)
    expect(checkpoint.spec).toEqual(inMemory.spec)
    expect(checkpoint.text.encode('hello')).toEqual(inMemory.text.encode('hello'))
    expect([...checkpoint.source.infos.keys()].sort()).toEqual([...inMemory.source.infos.keys()].sort())
    for (const name of inMemory.source.infos.keys())
      expect(await checkpoint.source.read(name), name).toEqual(await inMemory.source.read(name))
    await checkpoint.close()
  })

  test('weights as torch.save writes them, in parts', async () => {
    const folder = await written({ 'model.safetensors': null })
    const { source } = randomCheckpoint({}, 1)
    const shards: Record<string, Tensor>[] = [{}, {}]
    const index: Record<string, string> = {}
    for (const [i, name] of [...source.infos.keys()].entries()) {
      shards[i % 2][name] = await source.read(name)
      index[name] = `pytorch_model-0000${(i % 2) + 1}-of-00002.bin`
    }
    for (const [i, shard] of shards.entries())
      await writeFile(join(folder, `pytorch_model-0000${i + 1}-of-00002.bin`), pytorchFile(shard))
    await writeFile(join(folder, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map: index }))
    const checkpoint = await openCheckpoint(folder)
    for (const name of source.infos.keys())
      expect(await checkpoint.source.read(name), name).toEqual(await source.read(name))
    await checkpoint.close()
  })
})

describe('optional files', () => {
  test('generation_config.json overrides EOS', async () => {
    const folder = await written({ 'generation_config.json': '{"eos_token_id": [7, 8]}' })
    const checkpoint = await openCheckpoint(folder)
    expect(checkpoint.spec.eosTokenIds).toEqual([7, 8])
    await checkpoint.close()
  })

  test('paceline.json brings a recipe for int4; without it the default one holds', async () => {
    const recipe = async (content: string | null) => {
      const checkpoint = await openCheckpoint(await written({ 'paceline.json': content }))
      await checkpoint.close()
      return checkpoint.spec.recipe
    }
    expect(await recipe('{"quantisation": {"int4": {"keep8": ["lm_head.weight"]}}}')).toEqual({
      keep8: ['lm_head.weight'],
    })
    expect(await recipe('{}')).toBeUndefined()
    await expect(recipe('{"quantisation": 4}')).rejects.toThrow(error('format', 'paceline.json: quantisation'))
  })

  test('generation_config.json and tokenizer_config.json may be absent', async () => {
    const checkpoint = await openCheckpoint(
      await written({ 'generation_config.json': null, 'tokenizer_config.json': null }),
    )
    expect(checkpoint.text.encode('a')).toEqual([256, 97])
    await checkpoint.close()
  })

  test.each<[string, Record<string, string>]>([
    [
      'chat_template.jinja',
      {
        'chat_template.jinja': 'A',
        'chat_template.json': '{"chat_template": "B"}',
        'tokenizer_config.json': '{"chat_template": "C"}',
      },
    ],
    [
      'chat_template.json',
      { 'chat_template.json': '{"chat_template": "A"}', 'tokenizer_config.json': '{"chat_template": "C"}' },
    ],
    ['tokenizer_config.json', { 'tokenizer_config.json': '{"chat_template": "A"}' }],
  ])('the chat template of %s is taken before those of lesser files', async (_, files) => {
    const checkpoint = await openCheckpoint(await written(files))
    expect(checkpoint.text.applyChatTemplate([])).toBe('A')
    await checkpoint.close()
  })

  test('a broken template is named by its file when it is used', async () => {
    const checkpoint = await openCheckpoint(await written({ 'chat_template.jinja': '{% if %}' }))
    expect(() => checkpoint.text.applyChatTemplate([])).toThrow(
      error('format', 'chat_template.jinja: the chat template is not valid'),
    )
    await checkpoint.close()
  })
})

describe('refuses', () => {
  test('a folder that is not there', async () => {
    const folder = join(root, 'nowhere')
    await expect(openCheckpoint(folder)).rejects.toThrow(error('file', `${folder}: there is no such folder`))
  })

  test('a file instead of a folder', async () => {
    const file = join(await written(), 'config.json')
    await expect(openCheckpoint(file)).rejects.toThrow(error('file', `${file}: not a folder`))
  })

  test('a folder with the tokenizer of SentencePiece alone', async () => {
    const folder = await written({ 'tokenizer.json': null, 'tokenizer.model': '' })
    await expect(openCheckpoint(folder)).rejects.toThrow(error('file', `"paceline tokenizer ${folder}"`))
  })

  test.each([['config.json'], ['tokenizer.json']])('a folder without %s', async (file) => {
    const folder = await written({ [file]: null })
    await expect(openCheckpoint(folder)).rejects.toThrow(error('file', `${folder}: there is no ${file}`))
  })

  test('a folder without weights', async () => {
    await expect(openCheckpoint(await written({ 'model.safetensors': null }))).rejects.toMatchObject({ code: 'file' })
  })

  test.each([
    ['config.json', '{\n  "model_type": "llama",\n  oops\n}', 'config.json, line 3, column 3: not valid JSON'],
    ['config.json', '{\n  "model_type": [1,\n', 'config.json, line 3, column 1: not valid JSON'],
    ['config.json', '', 'config.json, line 1, column 1: not valid JSON'],
    ['tokenizer.json', '{]', 'tokenizer.json, line 1, column 2: not valid JSON'],
    ['generation_config.json', 'x', 'generation_config.json: not valid JSON'],
    ['tokenizer_config.json', '[]', 'tokenizer_config.json: expected a JSON object'],
    ['tokenizer.json', '{}', 'tokenizer.json: not a tokenizer that can be used'],
    ['generation_config.json', '[]', 'generation_config.json: the file is [], expected a JSON object'],
  ])('%s that holds %j', async (file, content, message) => {
    await expect(openCheckpoint(await written({ [file]: content }))).rejects.toThrow(error('format', message))
  })

  test('a file that cannot be read', async () => {
    const folder = await written()
    await rm(join(folder, 'generation_config.json'))
    await mkdir(join(folder, 'generation_config.json'))
    await expect(openCheckpoint(folder)).rejects.toThrow(error('file', 'generation_config.json: cannot be read'))
  })

  test('weights that are not those of the configuration', async () => {
    const folder = await written()
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, intermediate_size: 200 }))
    const message =
      'model.safetensors: tensor "model.layers.0.mlp.gate_proj.weight" is [176, 64], config.json says [200, 64] (intermediate_size).'
    await expect(openCheckpoint(folder)).rejects.toThrow(error('checkpoint', message))
  })
})

const checkpoints = process.env.PACELINE_CHECKPOINTS
if (checkpoints === undefined)
  console.log('PACELINE_CHECKPOINTS is not set: tests with downloaded checkpoints are skipped.')

describe.skipIf(checkpoints === undefined)('checkpoints made by others', () => {
  test.each([
    [
      'tiny1m',
      { layerCount: 4, hiddenSize: 128, headCount: 2, kvHeadCount: 2, tiedEmbeddings: false, contextLength: 256 },
    ],
    [
      'stories260K',
      { layerCount: 5, hiddenSize: 64, headCount: 8, kvHeadCount: 4, tiedEmbeddings: true, contextLength: 512 },
    ],
  ])('%s opens, and its prompts have the ids they should', async (name, spec) => {
    const checkpoint = await openCheckpoint(join(checkpoints!, name))
    expect(checkpoint.spec).toMatchObject({ ...spec, bosTokenId: 1, eosTokenIds: [2] })
    const expected = JSON.parse(await readFile(join(checkpoints!, `expected_${name}.json`), 'utf8'))
    for (const { prompt, prompt_ids, greedy_ids, text } of expected.items) {
      expect(checkpoint.text.encode(prompt)).toEqual(prompt_ids)
      const ids = [...prompt_ids, ...greedy_ids]
      expect(checkpoint.text.decode(ids, { skipSpecialTokens: true })).toBe(text.trimStart())
    }
    await checkpoint.close()
  })
})
