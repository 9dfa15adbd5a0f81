import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../../tensor/index.ts'
import { openCheckpoint, openTextCodec } from '../checkpoint.ts'
import { tokenizerFolder } from '../folders.ts'
import type { ModelSpec } from '../spec.ts'
import { writeRandomCheckpoint } from '../write-random.ts'
import { parseAdapterConfig, toAdapterConfig, wholeAdapter } from './config.ts'
import { adapterTensors, downName, upName } from './spec.ts'
import { peftConfig, syntheticAdapter, writePeft } from './synthetic.ts'
import { writeAdapter } from './write.ts'

let root: string
let spec: ModelSpec
/** Of `peftConfig()`. */
let tensors: Record<string, Tensor<'f32'>>
let count = 0
const at = (...names: string[]) => join(root, ...names)

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-adapter-'))
  spec = await writeRandomCheckpoint(at('base'), { tiedEmbeddings: true }, 1, { chatTemplate: 'base' })
  await writeRandomCheckpoint(at('untied'), {}, 1)
  tensors = await syntheticAdapter(spec, parseAdapterConfig(peftConfig(), spec))
})
afterAll(() => rm(root, { recursive: true }))

async function written(
  changed: Readonly<Record<string, unknown>> = {},
  given: Readonly<Record<string, Tensor>> = tensors,
  file?: string,
): Promise<string> {
  const folder = at(`adapter ${count++}`)
  await writePeft(folder, peftConfig(changed), given, file)
  return folder
}

/** All weights of a folder. */
async function weightsOf(folder: string): Promise<Map<string, Tensor>> {
  await using opened = closing(await openCheckpoint(folder))
  const read = new Map<string, Tensor>()
  for (const name of opened.source.infos.keys()) read.set(name, await opened.source.read(name))
  return read
}

const closing = <T extends { close(): Promise<void> }>(opened: T) => ({
  ...opened,
  [Symbol.asyncDispose]: () => opened.close(),
})

/** W + scale B A, element by element. */
function merged(weight: Tensor, module: string, scale: number): Float32Array {
  const [a, b] = [tensors[downName(module)], tensors[upName(module)]]
  const [rank, inputs] = a.shape
  return Float32Array.from(weight.data as Float32Array, (w, at) => {
    let sum = 0
    for (let r = 0; r < rank; r++)
      sum += b.data[Math.floor(at / inputs) * rank + r] * a.data[r * inputs + (at % inputs)]
    return w + scale * sum
  })
}

describe('the folder of an adapter', () => {
  test.each([
    ['alpha / r', false, 8 / 4],
    ['alpha / sqrt(r)', true, 8 / 2],
  ])('opens as its base model with B A added, times %s', async (_, use_rslora, scale) => {
    const folder = await written({ use_rslora })
    const [base, adapted] = [await weightsOf(at('base')), await weightsOf(folder)]
    expect([...adapted.keys()]).toEqual([...base.keys()])
    let changed = 0
    for (const [name, weight] of base) {
      if (!/(q_proj|v_proj|down_proj)/.test(name)) {
        expect(adapted.get(name), name).toEqual(weight)
        continue
      }
      changed++
      const expected = merged(weight, name.replace('.weight', ''), scale)
      expect(expected).not.toEqual(weight.data)
      expect(adapted.get(name), name).toEqual(tensor('f32', weight.shape, expected))
    }
    expect(changed).toBe(3 * spec.layerCount)
  })

  test('gives rows of a sum as the whole of it', async () => {
    await using opened = closing(await openCheckpoint(await written()))
    const { spec, source, adapter } = opened
    expect(spec.tiedEmbeddings).toBe(true)
    expect(adapter).toMatchObject({ base: at('base'), spec: { rank: 4, alpha: 8, rankStabilised: false } })
    for (const name of ['model.layers.0.self_attn.v_proj.weight', 'model.layers.0.self_attn.o_proj.weight']) {
      const whole = await source.read(name)
      expect(source.infos.get(name)).toMatchObject({ dtype: whole.dtype, shape: whole.shape })
      const rows = await source.readRows(name, 3, 7)
      const width = whole.shape[1]
      expect(rows).toEqual(tensor('f32', [4, width], (whole.data as Float32Array).slice(3 * width, 7 * width)))
    }
  })

  test('may hold a file of torch.save', async () => {
    const folder = await written({}, tensors, 'adapter_model.bin')
    expect(await weightsOf(folder)).toEqual(await weightsOf(await written()))
  })

  test('takes the tokenizer, the configuration and the chat template from its base model where it has none', async () => {
    const folder = await written()
    const chat = async () => {
      const opened = closing(await openCheckpoint(folder))
      await opened.close()
      return opened.text.applyChatTemplate([])
    }
    expect(await tokenizerFolder(folder)).toBe(at('base'))
    expect((await openTextCodec(folder)).encode('a')).toEqual([256, 97])
    expect(await chat()).toBe('base')
    for (const file of ['tokenizer.json', 'config.json', 'tokenizer_config.json'])
      await cp(at('base', file), join(folder, file))
    await writeFile(join(folder, 'chat_template.jinja'), 'own')
    await writeFile(join(folder, 'generation_config.json'), '{"eos_token_id": 7}')
    expect(await tokenizerFolder(folder)).toBe(folder)
    expect(await chat()).toBe('own')
    await using opened = closing(await openCheckpoint(folder))
    expect(opened.spec.eosTokenIds).toEqual([7])
  })

  test('keeps the recipe of its base model', async () => {
    await cp(at('base'), at('with recipe'), { recursive: true })
    await writeFile(at('with recipe', 'paceline.json'), '{"quantisation": {"int4": {"keep8": ["lm_head.weight"]}}}')
    const folder = await written({ base_model_name_or_path: at('with recipe') })
    await writeFile(join(folder, 'paceline.json'), '{"method": "lm"}')
    await using opened = closing(await openCheckpoint(folder))
    expect(opened.spec.recipe).toEqual({ keep8: ['lm_head.weight'] })
  })
})

describe('which layers an adapter has', () => {
  const modules = (changed: object) => parseAdapterConfig(peftConfig({ ...changed }), spec).modules
  const inLayers = (...names: string[]) => names.map((name) => `model.layers.${name}`)

  test.each<[string, object, () => string[]]>([
    [
      'ends of paths',
      { target_modules: ['mlp.up_proj', '0.self_attn.k_proj'] },
      () => inLayers('0.self_attn.k_proj', '0.mlp.up_proj', '1.mlp.up_proj'),
    ],
    [
      'a regular expression of whole paths',
      { target_modules: '.*\\.1\\..*(q|k)_proj' },
      () => inLayers('1.self_attn.q_proj', '1.self_attn.k_proj'),
    ],
    [
      'all linear layers but the head',
      { target_modules: 'all-linear' },
      () => [...wholeAdapter(spec, { rank: 4, alpha: 8 }).modules],
    ],
    ['one layer', { target_modules: ['o_proj'], layers_to_transform: 1 }, () => inLayers('1.self_attn.o_proj')],
    [
      'less some',
      { target_modules: ['o_proj'], exclude_modules: ['model.layers.0.self_attn.o_proj'] },
      () => inLayers('1.self_attn.o_proj'),
    ],
  ])('%s', (_, changed, expected) => {
    expect(modules(changed)).toEqual(expected())
  })
})

describe('refused by name', () => {
  const error = (code: string, ...parts: string[]) =>
    expect.objectContaining({
      code,
      message: expect.stringMatching(
        new RegExp(parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*'), 's'),
      ),
    })

  test.each<[field: string, value: unknown, code: string, expected: string]>([
    ['peft_type', 'IA3', 'unsupported', '"LORA"'],
    ['peft_type', 4, 'format', 'a string'],
    ['bias', 'all', 'unsupported', '"none"'],
    ['use_dora', true, 'unsupported', 'false'],
    ['lora_bias', true, 'unsupported', 'false'],
    ['fan_in_fan_out', true, 'unsupported', 'false'],
    ['rank_pattern', { q_proj: 8 }, 'unsupported', 'no ranks of single layers'],
    ['alpha_pattern', { q_proj: 8 }, 'unsupported', 'no alphas of single layers'],
    ['modules_to_save', ['lm_head'], 'unsupported', 'Merge them into the base model'],
    ['trainable_token_indices', [1], 'unsupported', 'none'],
    ['alora_invocation_tokens', [1, 2], 'unsupported', 'it acts on all of a text'],
    ['init_lora_weights', 'pissa_niter_4', 'unsupported', 'leaves the base model as it is'],
    ['r', 0, 'checkpoint', 'an integer 1'],
    ['r', null, 'format', 'an integer'],
    ['lora_alpha', -1, 'checkpoint', 'above 0'],
    ['target_modules', ['c_attn'], 'checkpoint', 'layers of the base model'],
    ['target_modules', ['q_proj', 'embed_tokens'], 'unsupported', 'not the embedding table'],
    ['target_modules', ['q_proj', 'lm_head'], 'unsupported', 'not a head that is the embedding table'],
    ['target_modules', null, 'format', 'a list of names'],
    ['target_modules', '(', 'unsupported', 'a regular expression'],
    ['layers_to_transform', ['a'], 'format', 'numbers of layers'],
    ['base_model_name_or_path', null, 'format', 'a string'],
    ['base_model_name_or_path', 'org/model', 'file', 'Download the base model'],
  ])('%s %j', async (field, value, code, expected) => {
    await expect(openCheckpoint(await written({ [field]: value }))).rejects.toThrow(
      error(code, `adapter_config.json: ${field}`, expected),
    )
  })

  test('an adapter of an adapter', async () => {
    const inner = await written()
    await expect(openCheckpoint(await written({ base_model_name_or_path: inner }))).rejects.toThrow(
      error('unsupported', 'an adapter itself'),
    )
  })

  test('an adapter without weights', async () => {
    const folder = await written()
    await rm(join(folder, 'adapter_model.safetensors'))
    await expect(openCheckpoint(folder)).rejects.toThrow(error('file', folder, 'adapter_model.safetensors'))
  })

  test('a tensor that is missing, of another shape, or unknown', async () => {
    const name = downName('model.layers.1.mlp.down_proj')
    const { [name]: down, ...rest } = tensors
    const [rank, inputs] = down.shape
    await expect(openCheckpoint(await written({}, rest))).rejects.toThrow(
      error('checkpoint', `there is no tensor "${name}"`),
    )
    const turned = { ...rest, [name]: tensor('f32', [inputs, rank], down.data) }
    await expect(openCheckpoint(await written({}, turned))).rejects.toThrow(
      error(
        'checkpoint',
        `tensor "${name}" is [${inputs}, ${rank}]`,
        'says',
        `[${rank}, ${inputs}] (r, intermediate_size)`,
      ),
    )
    await expect(openCheckpoint(await written({ r: 8 }))).rejects.toThrow(error('checkpoint', '(r)'))
    for (const extra of [
      'base_model.model.model.embed_tokens.weight',
      downName('model.layers.9.mlp.down_proj'),
      'base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector',
    ])
      await expect(openCheckpoint(await written({}, { ...tensors, [extra]: down }))).rejects.toThrow(
        error('checkpoint', `unexpected tensor "${extra}"`),
      )
  })

  test('an adapter of another model', async () => {
    await writeRandomCheckpoint(at('wider'), { hiddenSize: 96 }, 1)
    await expect(openCheckpoint(await written({ base_model_name_or_path: '../wider' }))).rejects.toThrow(
      error('checkpoint', 'lora_A', 'hidden_size'),
    )
  })
})

describe('an adapter that is written', () => {
  const content = async (base: string) => {
    const adapter = wholeAdapter(spec, { rank: 2, alpha: 3 })
    const given = new Map(Object.entries(await syntheticAdapter(spec, adapter)))
    return { base, spec, adapter, tensors: given, dtype: 'f32' as const, provenance: { method: 'lm' } }
  }

  test('is read again, and wherever it lies with its base model', async () => {
    await cp(at('base'), at('here', 'base'), { recursive: true })
    const given = await content(at('here', 'base'))
    await writeAdapter(at('here', 'tuned', 'a'), given)
    expect((await readdir(at('here', 'tuned', 'a'))).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'paceline.json',
    ])
    const config = JSON.parse(await readFile(at('here', 'tuned', 'a', 'adapter_config.json'), 'utf8'))
    expect(config).toMatchObject({ base_model_name_or_path: '../../base', r: 2, lora_alpha: 3 })
    expect(config.target_modules).toEqual(['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'])
    await rename(at('here'), at('there'))
    await using opened = closing(await openCheckpoint(at('there', 'tuned', 'a')))
    expect(opened.adapter).toMatchObject({ base: at('there', 'base'), spec: given.adapter })
    for (const [name, stored] of given.tensors) expect(await opened.adapter!.stored.adapter.read(name)).toEqual(stored)
  })

  test('lacks no tensor, and replaces nothing of others', async () => {
    const given = await content(at('base'))
    const [name] = given.tensors.keys()
    given.tensors.delete(name)
    await expect(writeAdapter(at('lacking'), given)).rejects.toThrow(`there is no tensor "${name}"`)
    await expect(writeAdapter(at('base'), await content(at('base')))).rejects.toMatchObject({ code: 'argument' })
  })

  test('has a configuration that is read back as it was', () => {
    for (const rankStabilised of [false, true]) {
      const adapter = { ...wholeAdapter(spec, { rank: 5, alpha: 7 }), rankStabilised }
      const config = toAdapterConfig(adapter, spec, '../base')
      expect(config.target_modules).toHaveLength(7)
      expect(parseAdapterConfig(config, spec)).toEqual(adapter)
    }
  })

  test.each([
    ['some layers', { target_modules: ['q_proj'], layers_to_transform: [0] }],
    ['a pattern', { target_modules: 'model\\.layers\\.1\\..*v_proj' }],
    ['all but one', { target_modules: 'all-linear', exclude_modules: ['layers.1.mlp.up_proj'] }],
  ])('has a configuration that is read back as it was: of %s', (_, fields) => {
    const adapter = parseAdapterConfig(peftConfig(fields), spec)
    expect(parseAdapterConfig(toAdapterConfig(adapter, spec, '../base'), spec)).toEqual(adapter)
  })

  test('may be one of a head that is no embedding table', async () => {
    await using untied = closing(await openCheckpoint(at('untied')))
    const adapter = parseAdapterConfig(peftConfig({ target_modules: ['lm_head'] }), untied.spec)
    expect(adapterTensors(untied.spec, adapter).map(({ name }) => name)).toEqual([
      downName('lm_head'),
      upName('lm_head'),
    ])
  })
})
