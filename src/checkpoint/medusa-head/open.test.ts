import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../../tensor/index.ts'
import { shapeSpec } from '../shapes.ts'
import type { MedusaSpec } from './spec.ts'
import { authorsNames, medusaSpec, readHeads, syntheticTarget, syntheticTensors, writeFiles } from './synthetic.ts'
import { toMedusaConfig } from './to-config.ts'

let folder = ''
let count = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-medusa-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function openFiles(
  config: object,
  tensors: ReadonlyMap<string, Tensor>,
  { file = 'model.safetensors', target = syntheticTarget } = {},
) {
  const path = join(folder, `${count++}`)
  await writeFiles(path, config, tensors, file)
  return readHeads(path, target)
}

const authorsConfig = { medusa_num_heads: 2, medusa_num_layers: 1, base_model_name_or_path: 'lmsys/vicuna-7b-v1.3' }
const vllmConfig = {
  ...{ model_type: 'medusa', hidden_size: 16, vocab_size: 320, num_heads: 2, num_hidden_layers: 1 },
  ...{ max_paths: 64, topk: 10, truncated_vocab_size: 320 },
}

describe("the authors' layout", () => {
  test.each([
    'medusa_lm_head.pt',
    'medusa_lm_head.safetensors',
  ])('%s: heads with matrices of their own', async (file) => {
    const tensors = await syntheticTensors(medusaSpec)
    const { spec, read } = await openFiles(authorsConfig, authorsNames(tensors, 1), { file })
    expect(spec).toEqual(medusaSpec)
    expect([...read].sort()).toEqual([...tensors].sort())
  })

  test('several blocks: the matrix stands behind the last one', async () => {
    const deep = { ...medusaSpec, layerCount: 2 }
    const tensors = await syntheticTensors(deep)
    const opened = await openFiles({ ...authorsConfig, medusa_num_layers: 2 }, authorsNames(tensors, 2))
    expect(opened.spec).toEqual(deep)
    expect(opened.read.get('lm_heads.1.weight')).toEqual(tensors.get('lm_heads.1.weight'))
  })

  test('a configuration that says 2 beside 5 heads is believed less than the tensors', async () => {
    const five = { ...medusaSpec, headCount: 5 }
    const { spec } = await openFiles(authorsConfig, authorsNames(await syntheticTensors(five), 1))
    expect(spec.headCount).toBe(5)
  })

  test("without matrices the target's is meant", async () => {
    const tensors = await syntheticTensors({ ...medusaSpec, lmHead: 'target' })
    const { spec, read } = await openFiles(authorsConfig, authorsNames(tensors, 1))
    expect(spec.lmHead).toBe('target')
    expect(read.size).toBe(4)
  })
})

describe("vLLM's layout", () => {
  test('heads without biases, with or without a prefix', async () => {
    const plain = { ...medusaSpec, bias: false }
    const tensors = await syntheticTensors(plain)
    for (const prefix of ['', 'medusa_heads.']) {
      const stored = new Map(Array.from(tensors, ([name, tensor]) => [prefix + name, tensor]))
      const { spec, read } = await openFiles(vllmConfig, stored)
      expect(spec).toEqual(plain)
      expect([...read].sort()).toEqual([...tensors].sort())
    }
  })

  test('one matrix for all heads: under its name, or as that of the first head', async () => {
    const own = await syntheticTensors(medusaSpec)
    const config = { ...vllmConfig, original_lm_head: true, medusa_fc_bias: true }
    const { spec, read } = await openFiles(config, own)
    expect(spec.lmHead).toBe('shared')
    expect(read.get('lm_head.weight')).toEqual({ ...own.get('lm_heads.0.weight') })
    expect(read.has('lm_heads.1.weight')).toBe(false)
  })

  test('few tokens: a map in any order', async () => {
    const few: MedusaSpec = { ...medusaSpec, draftVocabSize: 3 }
    const tensors = await syntheticTensors(few)
    tensors.set('token_map', tensor('i64', [3], BigInt64Array.of(7n, 2n, 319n)))
    const opened = await openFiles({ ...vllmConfig, medusa_fc_bias: true, truncated_vocab_size: 3 }, tensors)
    expect(opened.spec).toEqual(few)
    expect(opened.targetIds).toEqual(Int32Array.of(7, 2, 319))
  })
})

test('another target is refused with the field that differs', async () => {
  const tensors = await syntheticTensors(medusaSpec)
  const target = shapeSpec({ hiddenSize: 16, intermediateSize: 32, vocabSize: 321 })
  await expect(openFiles(toMedusaConfig(medusaSpec), tensors, { target })).rejects.toMatchObject({
    code: 'checkpoint',
    message:
      "config.json: vocab_size is 320, the target's vocab_size is 321: these heads were trained for another target.",
  })
  // The authors' configuration says neither: then the tensors tell.
  await expect(openFiles(authorsConfig, authorsNames(tensors, 1), { target })).rejects.toMatchObject({
    code: 'checkpoint',
    message: 'model.safetensors: tensor "lm_heads.0.weight" is [320, 16], config.json says [321, 16] (vocab_size).',
  })
})

const f32 = (...shape: number[]) => tensor('f32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))

describe('what does not fit together is an error that names it', () => {
  test.each<[string, (tensors: Map<string, Tensor>) => void, object, string, string]>([
    [
      'a head is missing',
      (t) => t.delete('blocks.1.layers.0.weight'),
      {},
      'checkpoint',
      'no tensor "blocks.1.layers.0.weight", expected [16, 16] (config.json: num_heads, num_hidden_layers)',
    ],
    [
      'a bias is missing',
      (t) => t.delete('blocks.0.layers.0.bias'),
      {},
      'checkpoint',
      'no tensor "blocks.0.layers.0.bias", expected [16] (config.json: medusa_fc_bias)',
    ],
    [
      'a matrix is missing',
      (t) => t.delete('lm_heads.1.weight'),
      {},
      'checkpoint',
      'no tensor "lm_heads.1.weight", expected [320, 16] (config.json: num_heads, original_lm_head)',
    ],
    ['a head too many', () => {}, { num_heads: 1 }, 'checkpoint', 'unexpected tensor "blocks.1.layers.0.bias" [16]'],
    [
      'another shape',
      (t) => t.set('blocks.0.layers.0.weight', f32(16, 8)),
      {},
      'checkpoint',
      'tensor "blocks.0.layers.0.weight" is [16, 8], config.json says [16, 16] (hidden_size)',
    ],
    [
      'two names of one tensor',
      (t) => t.set('medusa_heads.lm_heads.0.weight', f32(320, 16)),
      {},
      'checkpoint',
      'are two names of one tensor',
    ],
    ['no map', () => {}, { truncated_vocab_size: 320 - 1 }, 'checkpoint', 'says [319, 16] (truncated_vocab_size)'],
    [
      'no number of heads',
      () => {},
      { num_heads: null, medusa_num_heads: null },
      'format',
      'medusa_num_heads is missing',
    ],
    ['more heads than are trained', () => {}, { num_heads: 1000 }, 'checkpoint', 'num_heads is 1000, expected'],
    ['another model', () => {}, { model_type: 'eagle' }, 'unsupported', 'model_type is "eagle", expected "medusa"'],
    ['another activation', () => {}, { hidden_act: 'gelu' }, 'unsupported', 'hidden_act is "gelu", expected "silu"'],
  ])('%s', async (_, change, fields, code, message) => {
    const tensors = await syntheticTensors(medusaSpec)
    change(tensors)
    await expect(openFiles({ ...toMedusaConfig(medusaSpec), ...fields }, tensors)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test.each<[string, Tensor | undefined, string, string]>([
    ['no map', undefined, 'checkpoint', 'there is no tensor "token_map", expected [2] ids'],
    ['a map of another length', f32(3), 'checkpoint', 'tensor "token_map" is [3], config.json says [2]'],
    ['a map of floats', f32(2), 'unsupported', 'tensor "token_map" is f32, expected i64'],
    [
      'no such token',
      tensor('i64', [2], BigInt64Array.of(1n, 320n)),
      'checkpoint',
      'element 1 is 320; expected different ids below 320',
    ],
    [
      'a token twice',
      tensor('i64', [2], BigInt64Array.of(5n, 5n)),
      'checkpoint',
      'element 1 is 5, which is there before',
    ],
  ])('%s', async (_, map, code, message) => {
    const few = { ...medusaSpec, draftVocabSize: 2 }
    const tensors = await syntheticTensors(few)
    if (map) tensors.set('token_map', map)
    await expect(openFiles(toMedusaConfig(few), tensors)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test('a folder without weights, or without a configuration', async () => {
    const path = join(folder, 'empty')
    await writeFiles(path, vllmConfig, new Map(), 'other.bin')
    await expect(readHeads(path)).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining('medusa_lm_head.pt'),
    })
    await expect(readHeads(folder)).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining('no config.json'),
    })
  })
})
