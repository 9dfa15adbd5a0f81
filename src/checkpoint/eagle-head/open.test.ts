import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Tensor, zeros } from '../../tensor/index.ts'
import { openEagleHead } from './open.ts'
import type { EagleHeadSpec } from './spec.ts'
import {
  type Container,
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
  root = await mkdtemp(join(tmpdir(), 'paceline-eagle-head-'))
})
afterAll(() => rm(root, { recursive: true }))

type Tensors = Map<string, Tensor>

/** Opens a head of these files. */
const opened = (config: object, tensors: Tensors, options?: Parameters<typeof openFiles>[3]) =>
  openFiles(join(root, String(count++)), config, tensors, options)

const renamed = (tensors: Tensors, change: (name: string) => string): Tensors =>
  new Map(Array.from(tensors, ([name, value]) => [change(name), value]))
const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

describe.each<Container>(['model.safetensors', 'pytorch_model.bin'])('in %s', (container) => {
  test('a published EAGLE-1 head, which has a bias that its configuration does not mention', async () => {
    const tensors = await publishedTensors(eagleSpec, true)
    const head = await opened(publishedConfig(eagleSpec), tensors, { container })
    expect(head.spec).toEqual(eagleSpec)
    expect(head.targetIds).toBeUndefined()
    expect(head.read).toEqual(tensors)
    expect(head.source.infos.get('fc.weight')).toMatchObject({ name: 'fc.weight', shape: [32, 64], file: container })
  })

  test("a published EAGLE-3 head, whose offsets become ids and whose RoPE is not the target's", async () => {
    const tensors = await publishedTensors(eagle3Spec)
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
    const tensors = await publishedTensors(spec, true)
    const head = await opened(publishedConfig(spec), renamed(tensors, change))
    expect(head.spec).toEqual(spec)
    expect(head.read).toEqual(tensors)
    expect([...head.source.infos].every(([name, info]) => info.name === name)).toBe(true)
  })

  test('rows are read under them, too', async () => {
    const tensors = await publishedTensors(eagle3Spec)
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
    const tensors = await publishedTensors(eagleSpec)
    const head = await opened(
      publishedConfig(eagleSpec),
      new Map(tensors).set('layers.0.self_attn.rotary_emb.inv_freq', zeros('f32', [4])),
    )
    expect(head.read).toEqual(tensors)
  })

  test('two for one are refused', async () => {
    const tensors = (await publishedTensors(eagle3Spec)).set('layers.0.mlp.up_proj.weight', zeros('f32', [48, 32]))
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
    const head = await opened({ ...publishedConfig(spec), ...changes }, await publishedTensors(spec))
    expect(head.spec).toEqual(spec)
    expect(head.targetIds === undefined).toBe(spec.draftVocabSize === 320)
  })

  test('a head narrower than its target, with an embedding of its own', async () => {
    const spec = { ...eagle3Spec, hiddenSize: 16, headDim: 4, targetHiddenSize: 32 }
    const config = { ...publishedConfig(spec), target_hidden_size: 32 }
    expect((await opened(config, await publishedTensors(spec, true))).spec).toEqual(spec)
    await expect(opened(config, await publishedTensors(spec))).rejects.toEqual(
      error('checkpoint', 'Or it lacks "embed_tokens.weight"'),
    )
  })

  test('a vocabulary that is spelled out although it is whole', async () => {
    const spec = { ...eagle3Spec, draftVocabSize: 320 }
    const all = vocabularyTensors(
      Int32Array.from({ length: 320 }, (_, id) => id),
      320,
    )
    const head = await opened(
      publishedConfig(spec),
      new Map([...(await publishedTensors(spec)), ...Object.entries(all)]),
    )
    expect(head.targetIds).toBeUndefined()
  })
})

test('safetensors are read where both containers are there', async () => {
  const folder = join(root, 'both')
  const tensors = await publishedTensors(eagleSpec)
  await writeFiles(folder, publishedConfig(eagleSpec), tensors)
  await writeFile(join(folder, 'pytorch_model.bin'), 'not even an archive')
  const head = await openEagleHead(folder, syntheticTarget)
  expect(head.source.infos.get('fc.weight')!.file).toBe('model.safetensors')
  await head.close()
})
