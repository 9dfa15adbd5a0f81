import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Tensor, tensor, zeros } from '../../tensor/index.ts'
import type { ModelSpec } from '../spec.ts'
import { openEagleHead } from './open.ts'
import type { EagleHeadSpec } from './spec.ts'
import {
  eagle3Ids,
  eagle3Spec,
  eagleSpec,
  openFiles,
  publishedConfig,
  publishedTensors,
  syntheticTarget,
  writeFiles,
} from './synthetic.ts'
import { vocabularyTensors } from './vocabulary.ts'

let root = ''
let count = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-refused-head-'))
})
afterAll(() => rm(root, { recursive: true }))

/** Opens a head of these files. */
const opened = (config: object, tensors: Map<string, Tensor>, options?: Parameters<typeof openFiles>[3]) =>
  openFiles(join(root, String(count++)), config, tensors, options)
const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

describe('refuses', () => {
  test('what is no folder of a head', async () => {
    const folder = join(root, 'nothing')
    await expect(openEagleHead(folder, syntheticTarget)).rejects.toEqual(error('file', 'there is no such folder'))
    await writeFiles(folder, {}, new Map())
    await rm(join(folder, 'model.safetensors'))
    await expect(openEagleHead(folder, syntheticTarget)).rejects.toEqual(error('file', 'holds neither'))
    await rm(join(folder, 'config.json'))
    await expect(openEagleHead(folder, syntheticTarget)).rejects.toEqual(error('file', 'there is no config.json'))
  })

  const wide = zeros('f32', [32, 65])
  test.each<[string, EagleHeadSpec, Record<string, Tensor | null>, string]>([
    [
      'another width of fc',
      eagleSpec,
      { 'fc.weight': wide },
      '"fc.weight" is [32, 65], config.json says [32, 64] (2 * hidden_size)',
    ],
    ['other taps', eagle3Spec, { 'fc.weight': wide }, 'says [32, 96] (3 layers * target_hidden_size)'],
    [
      'a missing bias',
      eagleSpec,
      { 'fc.bias': null },
      'there is no tensor "fc.bias", expected [32] (config.json: bias)',
    ],
    [
      'a bias too many',
      { ...eagleSpec, fcBias: false },
      { 'fc.bias': zeros('f32', [32]) },
      'unexpected tensor "fc.bias" [32]',
    ],
    [
      'a q bias',
      eagleSpec,
      { 'layers.0.self_attn.q_proj.bias': zeros('f32', [32]) },
      'no such tensor (qkv_bias or attention_bias)',
    ],
    [
      'a missing head',
      eagle3Spec,
      { 'lm_head.weight': null },
      '"lm_head.weight", expected [5, 32] (config.json: draft_vocab_size, hidden_size)',
    ],
    [
      'a first norm',
      eagleSpec,
      { 'layers.0.input_layernorm.weight': zeros('f32', [32]) },
      'unexpected tensor "layers.0.input_layernorm.weight"',
    ],
    [
      'a second layer',
      eagleSpec,
      { 'layers.1.mlp.up_proj.weight': wide },
      'unexpected tensor "layers.1.mlp.up_proj.weight"',
    ],
    [
      "q as wide as a model's",
      eagle3Spec,
      { 'midlayer.self_attn.q_proj.weight': zeros('f32', [32, 32]) },
      'says [32, 64] (2 * hidden_size)',
    ],
    ['another embedding', eagleSpec, { 'embed_tokens.weight': zeros('f32', [319, 32]) }, 'says [320, 32] (vocab_size)'],
    [
      'few ids for an eagle',
      eagleSpec,
      { d2t: zeros('i64', [5]) },
      '"d2t" is [5], config.json says [320] (draft_vocab_size)',
    ],
    ['no d2t', eagle3Spec, { d2t: null }, 'there is no tensor "d2t", expected [5] offsets'],
    ['a long d2t', eagle3Spec, { d2t: zeros('i64', [6]) }, '"d2t" is [6], config.json says [5] (draft_vocab_size)'],
    ['a short t2d', eagle3Spec, { t2d: zeros('bool', [319]) }, '"t2d" is [319], config.json says [320] (vocab_size)'],
  ])('%s', async (_, spec, changes, message) => {
    const tensors = await publishedTensors(spec)
    for (const [name, value] of Object.entries(changes))
      value === null ? tensors.delete(name) : tensors.set(name, value)
    await expect(opened({ ...publishedConfig(spec), bias: spec.fcBias }, tensors)).rejects.toEqual(
      error('checkpoint', message),
    )
  })

  const offsets = (...values: number[]) => tensor('i64', [5], BigInt64Array.from(values, BigInt))
  const known = vocabularyTensors(eagle3Ids, 320).t2d
  test.each<[string, Record<string, Tensor>, string, string]>([
    [
      'ids in the place of offsets',
      { d2t: offsets(2, 3, 7, 200, 319) },
      'checkpoint',
      "element 4 is 319, which makes the head's token 4 the target's 323",
    ],
    ['offsets that do not rise', { d2t: offsets(2, 1, 5, 197, 315) }, 'checkpoint', 'element 1 is 1'],
    ['an id below 0', { d2t: offsets(-1, 2, 5, 197, 315) }, 'checkpoint', 'element 0 is -1'],
    ['an id too large', { d2t: offsets(2, 2, 5, 197, 2 ** 40) }, 'checkpoint', 'element 4 is 1099511627776'],
    [
      't2d with another token',
      { t2d: { ...known, data: known.data.map((v, i) => (i === 9 ? 1 : v) as never) } as Tensor },
      'checkpoint',
      '"t2d": element 9 is 1, but "d2t" does not have token 9',
    ],
    [
      't2d without a token',
      { t2d: zeros('bool', [320]) },
      'checkpoint',
      '"t2d": element 2 is 0, but "d2t" has token 2',
    ],
    [
      'offsets of another type',
      { d2t: tensor('i32', [5], Int32Array.of(2, 2, 5, 197, 315)) },
      'unsupported',
      'tensor "d2t" is i32, expected i64',
    ],
    ['weights that are no floats', { 'norm.weight': zeros('i8', [32]) }, 'unsupported', 'tensor "norm.weight" is i8'],
  ])('%s', async (_, changes, code, message) => {
    const tensors = new Map([...(await publishedTensors(eagle3Spec)), ...Object.entries(changes)])
    await expect(opened(publishedConfig(eagle3Spec), tensors)).rejects.toEqual(error(code, message))
  })

  test.each<[string, EagleHeadSpec, Partial<ModelSpec>, string]>([
    ['a vocabulary', eagleSpec, { vocabSize: 321 }, "vocab_size is 320, the target's vocab_size is 321"],
    ['a width', eagleSpec, { hiddenSize: 64 }, "hidden_size is 32, the target's hidden_size is 64"],
    ['a width for EAGLE-3', eagle3Spec, { hiddenSize: 64 }, "target_hidden_size is 32, the target's hidden_size is 64"],
    ['few layers', eagle3Spec, { layerCount: 4 }, 'for a target of 4 layers'],
  ])('a target with another %s', async (_, spec, changes, message) => {
    const target = { ...syntheticTarget, ...changes }
    await expect(opened(publishedConfig(spec), await publishedTensors(spec), { target })).rejects.toEqual(
      error('checkpoint', message),
    )
  })

  test('a kind that is not that of the tensors', async () => {
    const config = { ...publishedConfig(eagleSpec), architectures: ['LlamaForCausalLMEagle3'] }
    await expect(opened(config, await publishedTensors(eagleSpec))).rejects.toEqual(
      error('checkpoint', 'architectures'),
    )
  })
})
