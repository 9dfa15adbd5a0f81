import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jacobi, loadModel } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packDataset } from '../../training/index.ts'
import { type Ended, runBuilt } from '../run-built.ts'

let folder = ''
const at = (...names: string[]) => join(folder, ...names)
const sentences = [
  'red roses grow in the garden and nobody waters them',
  'green grass grows on the hill where two goats sleep',
  'blue water runs to the sea past seven old mills',
  'white snow falls on the roof until the chimney smokes',
]
const paceline = (...args: string[]): Promise<Ended> => runBuilt(args)
const batch = ['--sequences', '4', '--length', '64', '--threads', '1', '--warmup', '5']
const block = 8
/** A loss near zero, as of what is known by heart, is soon many times what it was. */
const unguarded = ['--guard', '1000']

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-cllm-'))
  const rows = Array.from({ length: 400 }, (_, i) => {
    const sentence = sentences[i % sentences.length]
    return { prompt: `${sentence.split(' ')[0]} ${i}`, response: sentence }
  })
  await writeFile(at('data.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  await packDataset({ files: [at('data.jsonl')], folder: at('packed'), vocabulary: 320, validation: 0.05 })
  const shape = ['--width', '48', '--layers', '3', '--heads', '2', '--kv-heads', '1', '--intermediate', '96']
  for (const args of [
    [
      'train',
      'lm',
      '--data',
      at('packed'),
      '--out',
      at('lm'),
      ...shape,
      ...batch,
      '--updates',
      '150',
      '--learning-rate',
      '0.01',
    ],
    ['collect', at('lm', 'model'), '--prompts', at('data.jsonl'), '--out', at('blocks.jsonl'), '--trajectories'].concat(
      ['--block', `${block}`, '--count', '160', '--max-tokens', '60', '--threads', '1'],
    ),
  ]) {
    const { code, stderr } = await paceline(...args)
    if (code !== 0) throw new Error(stderr)
  }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const train = (out: string, ...more: string[]) =>
  paceline(
    ...['train', 'cllm', '--init', at('lm', 'model'), '--data', at('blocks.jsonl'), '--out', at(out), ...batch],
    ...['--learning-rate', '0.003', '--validation', '0.1', ...more],
  )

/** Tokens of all texts for a pass, with jacobi:block; each text is that of plain decoding. */
async function tokensPerPass(model: string): Promise<number> {
  await using loaded = await loadModel(model, { threads: 1 })
  let [tokens, passes] = [0, 0]
  for (const [i, sentence] of sentences.entries()) {
    const prompt = [{ role: 'user' as const, content: `${sentence.split(' ')[0]} ${400 + i}` }]
    const plain = await loaded.generate(prompt, { maxTokens: 60 }).result()
    const { ids, stats } = await loaded.generate(prompt, { maxTokens: 60, drafter: jacobi({ block }) }).result()
    expect(ids).toEqual(plain.ids)
    tokens += stats.tokens
    passes += stats.forwards
  }
  return tokens / passes
}

describe.sequential('paceline train cllm', () => {
  /** Tokens per pass of the model that is tuned. */
  let before: number
  beforeAll(async () => {
    before = await tokensPerPass(at('lm', 'model'))
  })

  test('makes a model whose own text Jacobi decoding writes in fewer passes', async () => {
    const ended = await train('tuned', '--updates', '100', '--eval-every', '50', ...unguarded)
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/validation kl .+ expected tau \d\.\d\d/) })
    expect(ended.stderr).toMatch(/before training: validation \d+\.\d+, ar \d+\.\d+/)
    expect(ended.stderr).toContain('bits per byte')
    const about = JSON.parse(await readFile(at('tuned', 'model', 'paceline.json'), 'utf8'))
    expect(about).toMatchObject({
      method: 'cllm',
      data: { block, init: { weights: expect.stringMatching(/^sha256:/) } },
    })
    expect(about.metrics.validation).toMatchObject({ kl: expect.any(Number), tau: expect.any(Number) })
    const after = await tokensPerPass(at('tuned', 'model'))
    expect(after, `${before} tokens a pass before`).toBeGreaterThan(1.5 * before)
  })

  test('goes on where it was, with the same bits, also from a teacher that stays as it is', async () => {
    const constant = ['--schedule', 'constant', '--checkpoint-every', '3', '--eval-every', '6', ...unguarded]
    const teacher = ['--teacher', at('lm', 'model')]
    expect(await train('whole', '--updates', '12', ...constant, ...teacher)).toMatchObject({ code: 0 })
    expect(await train('parts', '--updates', '6', ...constant, ...teacher)).toMatchObject({ code: 0 })
    expect(await paceline('train', 'cllm', '--resume', '--out', at('parts'), '--updates', '12')).toMatchObject({
      code: 0,
    })
    const [a, b] = await Promise.all(['whole', 'parts'].map((run) => readFile(at(run, 'model', 'model.safetensors'))))
    expect(a.equals(b)).toBe(true)
  })

  test('trains an adapter of the model, which stays as it is', async () => {
    const low = ['--lora-rank', '16', '--lora-alpha', '32', '--learning-rate', '0.02', ...unguarded]
    expect(await train('adapter', '--updates', '100', '--eval-every', '50', ...low)).toMatchObject({ code: 0 })
    expect((await readdir(at('adapter', 'model'))).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'paceline.json',
    ])
    expect(JSON.parse(await readFile(at('adapter', 'model', 'adapter_config.json'), 'utf8'))).toMatchObject({
      ...{ base_model_name_or_path: '../../lm/model', r: 16, lora_alpha: 32 },
    })
    const after = await tokensPerPass(at('adapter', 'model'))
    expect(after, `${before} tokens a pass before`).toBeGreaterThan(1.3 * before)
  })

  test('ends where it spoils plain text, and leaves the model as it was where nothing was better', async () => {
    const spoiling = [
      '--updates',
      '100',
      '--eval-every',
      '5',
      '--learning-rate',
      '0.1',
      '--ar-weight',
      '0',
      '--guard',
      '0.05',
    ]
    const ended = await train('guarded', ...spoiling)
    expect(ended.code).toBe(0)
    expect(ended.stderr).toMatch(
      /stopped after update 5: on validation text the loss is .+ more than 5 % above .+ --ar-weight/,
    )
    expect(ended.stdout).toContain('the model after update 0')
    const [before, after] = await Promise.all(
      [at('lm', 'model'), at('guarded', 'model')].map((model) => readFile(join(model, 'model.safetensors'))),
    )
    expect(after.equals(before)).toBe(true)
  })

  test('what does not fit is refused before anything is trained', async () => {
    for (const [args, problem] of [
      [['--length', '65'], 'shorten them'],
      [['--data', at('data.jsonl')], 'data.jsonl, line 1: "task" is not text'],
      [['--validation', '0'], 'no validation data for the guard'],
      [['--guard', '-1'], 'Expected a number of at least 0'],
      [['--teacher', at('nowhere')], 'nowhere'],
    ] as const) {
      const ended = await train('refused', '--updates', '1', ...args)
      expect(ended.code).not.toBe(0)
      expect(ended.stderr).toContain(problem)
    }
    expect(await paceline('train', 'cllm', '--out', at('x'), '--updates', '1')).toMatchObject({
      stderr: expect.stringContaining('--init'),
    })
  })
})
