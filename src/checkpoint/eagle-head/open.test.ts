import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Tensor, tensor, zeros } from '../../tensor/index.ts'
import type { ModelSpec } from '../spec.ts'
import { openEagleHead } from './open.ts'
import type { EagleHeadSpec } from './spec.ts'
import {
  type Container,
  eagle3Ids,
  eagle3Spec,
  eagleSpec,
  publishedConfig,
  syntheticTarget,
  syntheticTensors,
  writeFiles,
} from './synthetic.ts'
import { vocabularyTensors } from './vocabulary.ts'

let root = ''
let count = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-eagle-head-'))
})
afterAll(() => rm(root, { recursive: true }))

type Tensors = Map<string, Tensor>

/** Everything that a published head of a specification holds. */
async function published(spec: EagleHeadSpec, ownEmbedding = false): Promise<Tensors> {
  const tensors = await syntheticTensors(spec, ownEmbedding)
  if (spec.draftVocabSize < spec.vocabSize)
    for (const [name, value] of Object.entries(vocabularyTensors(eagle3Ids, spec.vocabSize))) tensors.set(name, value)
  return tensors
}

/** Opens a head of these files, and closes it when `use` is done. */
async function opened(
  config: object,
  tensors: Tensors,
  { container = 'model.safetensors', target = syntheticTarget }: { container?: Container; target?: ModelSpec } = {},
) {
  const folder = join(root, String(count++))
  await writeFiles(folder, config, tensors, container)
  const head = await openEagleHead(folder, target)
  const read: Tensors = new Map()
  for (const name of head.source.infos.keys()) read.set(name, await head.source.read(name))
  await head.close()
  return { ...head, read }
}

const renamed = (tensors: Tensors, change: (name: string) => string): Tensors =>
  new Map(Array.from(tensors, ([name, value]) => [change(name), value]))
const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

describe.each<Container>(['model.safetensors', 'pytorch_model.bin'])('in %s', (container) => {
  test('a published EAGLE-1 head, which has a bias that its configuration does not mention', async () => {
    const tensors = await published(eagleSpec, true)
    const head = await opened(publishedConfig(eagleSpec), tensors, { container })
    expect(head.spec).toEqual(eagleSpec)
    expect(head.targetIds).toBeUndefined()
    expect(head.read).toEqual(tensors)
    expect(head.source.infos.get('fc.weight')).toMatchObject({ name: 'fc.weight', shape: [32, 64], file: container })
  })

  test("a published EAGLE-3 head, whose offsets become ids and whose RoPE is not the target's", async () => {
    const tensors = await published(eagle3Spec)
    const head = await opened(publishedConfig(eagle3Spec), tensors, { container })
    expect(head.spec).toEqual(eagle3Spec)
    expect(head.targetIds).toEqual(eagle3Ids)
    expect(head.read).toEqual(tensors)
  })
})

describe('other names of the same tensors', () => {
  test.each<[string, EagleHeadSpec, (name: string) => string]>([
    ['layers.0 for midlayer', eagle3Spec, (name) => name.replace('midlayer.', 'layers.0.')],
    ['model.layers.0 for midlayer', eagle3Spec, (name) => name.replace('midlayer.', 'model.layers.0.')],
    ['model. in front of every EAGLE-3 tensor', eagle3Spec, (name) => `model.${name}`],
    ['model. in front of every EAGLE-1 tensor', eagleSpec, (name) => `model.${name}`],
  ])('%s', async (_, spec, change) => {
    const tensors = await published(spec, true)
    const head = await opened(publishedConfig(spec), renamed(tensors, change))
    expect(head.spec).toEqual(spec)
    expect(head.read).toEqual(tensors)
    expect([...head.source.infos].every(([name, info]) => info.name === name)).toBe(true)
  })

  test('rows are read under them, too', async () => {
    const tensors = await published(eagle3Spec)
    const folder = join(root, String(count++))
    await writeFiles(
      folder,
      publishedConfig(eagle3Spec),
      renamed(tensors, (name) => `model.${name}`),
    )
    const head = await openEagleHead(folder, syntheticTarget)
    expect((await head.source.readRows('lm_head.weight', 1, 3)).data).toEqual(
      tensors.get('lm_head.weight')!.data.slice(32, 96),
    )
    await expect(head.source.read('lm_head.bias')).rejects.toMatchObject({ code: 'checkpoint' })
    await head.close()
  })

  test('stored angles of RoPE are left out', async () => {
    const tensors = await published(eagleSpec)
    const head = await opened(
      publishedConfig(eagleSpec),
      new Map(tensors).set('layers.0.self_attn.rotary_emb.inv_freq', zeros('f32', [4])),
    )
    expect(head.read).toEqual(tensors)
  })

  test('two for one are refused', async () => {
    const tensors = (await published(eagle3Spec)).set('layers.0.mlp.up_proj.weight', zeros('f32', [48, 32]))
    await expect(opened(publishedConfig(eagle3Spec), tensors)).rejects.toEqual(
      error('checkpoint', 'two names of one tensor'),
    )
  })
})

describe('shapes out of the ordinary', () => {
  test.each<[string, EagleHeadSpec, object]>([
    ['no bias', { ...eagleSpec, fcBias: false }, { bias: false }],
    ['biases of q, k and v', { ...eagleSpec, qkvBias: true }, { qkv_bias: true }],
    [
      'biases of attention and MLP',
      { ...eagle3Spec, qkvBias: true, outputBias: true, mlpBias: true },
      { attention_bias: true, mlp_bias: true },
    ],
    ['wide heads', { ...eagle3Spec, headDim: 64 }, { head_dim: 64 }],
    ['no grouped queries', { ...eagleSpec, kvHeadCount: 4 }, { num_key_value_heads: null }],
    [
      'two layers fused',
      { ...eagle3Spec, taps: [0, 7] },
      { eagle_config: { eagle_aux_hidden_state_layer_ids: [0, 7] } },
    ],
    ['every token of the target', { ...eagle3Spec, draftVocabSize: 320 }, {}],
  ])('%s', async (_, spec, changes) => {
    const head = await opened({ ...publishedConfig(spec), ...changes }, await published(spec))
    expect(head.spec).toEqual(spec)
    expect(head.targetIds === undefined).toBe(spec.draftVocabSize === 320)
  })

  test('a head narrower than its target, with an embedding of its own', async () => {
    const spec = { ...eagle3Spec, hiddenSize: 16, headDim: 4, targetHiddenSize: 32 }
    const config = { ...publishedConfig(spec), target_hidden_size: 32 }
    expect((await opened(config, await published(spec, true))).spec).toEqual(spec)
    await expect(opened(config, await published(spec))).rejects.toEqual(
      error('checkpoint', 'Or it lacks "embed_tokens.weight"'),
    )
  })

  test('a vocabulary that is spelled out although it is whole', async () => {
    const spec = { ...eagle3Spec, draftVocabSize: 320 }
    const all = vocabularyTensors(
      Int32Array.from({ length: 320 }, (_, id) => id),
      320,
    )
    const head = await opened(publishedConfig(spec), new Map([...(await published(spec)), ...Object.entries(all)]))
    expect(head.targetIds).toBeUndefined()
  })
})

test('safetensors are read where both containers are there', async () => {
  const folder = join(root, 'both')
  const tensors = await published(eagleSpec)
  await writeFiles(folder, publishedConfig(eagleSpec), tensors)
  await writeFile(join(folder, 'pytorch_model.bin'), 'not even an archive')
  const head = await openEagleHead(folder, syntheticTarget)
  expect(head.source.infos.get('fc.weight')!.file).toBe('model.safetensors')
  await head.close()
})

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
    const tensors = await published(spec)
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
    const tensors = new Map([...(await published(eagle3Spec)), ...Object.entries(changes)])
    await expect(opened(publishedConfig(eagle3Spec), tensors)).rejects.toEqual(error(code, message))
  })

  test.each<[string, EagleHeadSpec, Partial<ModelSpec>, string]>([
    ['a vocabulary', eagleSpec, { vocabSize: 321 }, "vocab_size is 320, the target's vocab_size is 321"],
    ['a width', eagleSpec, { hiddenSize: 64 }, "hidden_size is 32, the target's hidden_size is 64"],
    ['a width for EAGLE-3', eagle3Spec, { hiddenSize: 64 }, "target_hidden_size is 32, the target's hidden_size is 64"],
    ['few layers', eagle3Spec, { layerCount: 4 }, 'for a target of 4 layers'],
  ])('a target with another %s', async (_, spec, changes, message) => {
    const target = { ...syntheticTarget, ...changes }
    await expect(opened(publishedConfig(spec), await published(spec), { target })).rejects.toEqual(
      error('checkpoint', message),
    )
  })

  test('a kind that is not that of the tensors', async () => {
    const config = { ...publishedConfig(eagleSpec), architectures: ['LlamaForCausalLMEagle3'] }
    await expect(opened(config, await published(eagleSpec))).rejects.toEqual(error('checkpoint', 'architectures'))
  })
})
