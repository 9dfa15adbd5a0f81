import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { loadModel } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../checkpoint/index.ts'
import { openSafetensors } from '../../tensor/index.ts'
import { packDataset } from '../../training/index.ts'
import { addExport } from '../export.ts'
import { type Ended, runBuilt } from '../run-built.ts'
import { addTrain } from './train.ts'

let folder = ''
const at = (...names: string[]) => join(folder, ...names)
const words = ['red', 'green', 'blue', 'white']

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-train-'))
  // What is to be learned: the same word three times.
  const rows = Array.from({ length: 400 }, (_, i) => {
    const word = words[i % words.length]
    return { prompt: `Say ${word} ${i}`, response: `${word} ${word} ${word}` }
  })
  await writeFile(at('data.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const files = [at('data.jsonl')]
  await packDataset({ files, folder: at('packed'), vocabulary: 300, validation: 0.05 })
  await packDataset({ files, folder: at('other'), vocabulary: 290 })
  await packDataset({ files, folder: at('empty'), tokenizer: at('packed'), validation: 1 })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs the built command. `started` gets the process as it starts. */
function paceline(args: readonly string[], started?: (child: ChildProcess) => void): Promise<Ended> {
  return runBuilt(args, started && { started })
}

const tiny = ['--width', '48', '--layers', '2', '--heads', '2', '--kv-heads', '1', '--intermediate', '96']
const batch = ['--sequences', '4', '--length', '64', '--learning-rate', '0.01', '--warmup', '5']
const lm = (out: string, ...more: string[]) => [
  ...['train', 'lm', '--data', at('packed'), '--out', at(out), ...tiny, ...batch],
  ...more,
]

const lmOf = (data: string) => ['train', 'lm', '--data', data, '--out', at('x'), '--updates', '1']

async function weightsOf(model: string): Promise<Record<string, number[]>> {
  const file = await openSafetensors(at(model, 'model.safetensors'))
  const weights: Record<string, number[]> = {}
  for (const name of file.infos.keys()) weights[name] = Array.from((await file.read(name)).data as Uint16Array)
  await file.close()
  return weights
}

describe.sequential('paceline train lm', () => {
  test('learns from a dataset and writes a model that generates what it has learned', async () => {
    const ended = await paceline(lm('whole', '--updates', '80', '--eval-every', '20', '--checkpoint-every', '30'))
    expect(ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/model after update \d+, validation loss 0\.\d+/),
    })
    expect((await readdir(at('whole'))).sort()).toEqual([
      'checkpoints',
      'curve.csv',
      'curve.svg',
      'model',
      'run.json',
      'tokenizer',
    ])
    const losses = (await readFile(at('whole', 'curve.csv'), 'utf8')).trim().split('\n').slice(1)
    expect(losses.length).toBe(80)

    const checkpoint = await openCheckpoint(at('whole', 'model'))
    expect(checkpoint.source.infos.get('model.embed_tokens.weight')!.dtype).toBe('f16')
    await checkpoint.close()
    await using model = await loadModel(at('whole', 'model'))
    const generation = model.generate([{ role: 'user', content: 'Say blue 2' }], { maxTokens: 20 })
    expect(await generation.result()).toMatchObject({ text: 'blue blue blue', finishReason: 'stop' })
  })

  test('interrupted, it says how to go on, and ends with the same weights', async () => {
    const run = lm('parts', '--updates', '80', '--eval-every', '20', '--checkpoint-every', '30')
    const interrupted = await paceline(run, (child) => {
      child.stderr!.on('data', (text) => {
        // The first line comes with the first evaluation.
        if (String(text).includes('validation')) child.kill('SIGINT')
      })
    })
    expect(interrupted).toMatchObject({ code: 130, stdout: '' })
    expect(interrupted.stderr).toContain(`paceline train lm --resume --out ${at('parts')}`)
    const rest = await paceline(['train', 'lm', '--resume', '--out', at('parts')])
    expect(rest).toMatchObject({ code: 0 })
    expect(await weightsOf('parts/model')).toEqual(await weightsOf('whole/model'))
  })

  test('goes on from a model, and is exported in another dtype', async () => {
    const init = ['--init', at('whole', 'model'), '--updates', '2', '--learning-rate', '0.0001']
    expect(
      await paceline(['train', 'lm', '--data', at('packed'), '--out', at('tuned'), ...batch, ...init]),
    ).toMatchObject({ code: 0 })
    const curve = (await readFile(at('tuned', 'curve.csv'), 'utf8')).trim().split('\n')
    expect(Number(curve[1].split(',')[4])).toBeLessThan(0.5)
    const exported = await paceline(['export', '--run', at('tuned'), '--out', at('bf16'), '--dtype', 'bf16'])
    expect(exported).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(await readFile(at('bf16', 'config.json'), 'utf8'))).toMatchObject({ torch_dtype: 'bfloat16' })
  })

  test('learns from a teacher', async () => {
    const teacher = ['--teacher', at('whole', 'model'), '--teacher-share', '0.9', '--updates', '10']
    const taught = await paceline(lm('student', ...teacher, '--layers', '1'))
    expect(taught.code).toBe(0)
    const provenance = JSON.parse(await readFile(at('student', 'model', 'paceline.json'), 'utf8'))
    expect(provenance).toMatchObject({ method: 'lm', data: { teacher: { share: 0.9 } }, metrics: { update: 10 } })
    const curve = (await readFile(at('student', 'curve.csv'), 'utf8')).trim().split('\n').slice(1)
    const losses = curve.map((line) => Number(line.split(',')[4]))
    expect(losses[9]).toBeLessThan(losses[0])
    // The loss is one tenth cross entropy, nine tenths divergence; each is told alone.
    const [loss, , , crossEntropy, divergence] = curve[9].split(',').slice(4).map(Number)
    expect(loss).toBeCloseTo(0.1 * crossEntropy + 0.9 * divergence, 3)
    expect(taught.stderr).toMatch(/validation \d\.\d+ \(crossEntropy \d\.\d+, divergence \d\.\d+\)/)
    expect(provenance.metrics.validation).toMatchObject({ divergence: expect.any(Number) })
  })

  test.concurrent.for<[what: string, args: () => string[], code: number, names: string[]]>([
    ['no folder', () => ['train', 'lm', '--data', at('packed'), '--updates', '1'], 2, ['--out']],
    ['no run to resume', () => ['train', 'lm', '--resume', '--out', at('no')], 1, ['run.json']],
  ])('%s is said in one line', async ([, args, code, names], { expect }) => {
    const ended = await paceline(args())
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toMatch(/^paceline: .+\n$/)
    for (const name of names) expect(ended.stderr).toContain(name)
  })

  test.for<[what: string, args: () => string[], message: string | RegExp]>([
    ['no dataset', () => ['train', 'lm', '--out', at('x'), '--updates', '1'], '--data'],
    ['no end', () => lm('x'), /--updates.+--minutes/],
    ['a missing dataset', () => ['train', 'lm', '--data', at('no'), '--out', at('x'), '--updates', '1'], at('no')],
    ['a run that is there', () => lm('whole', '--updates', '80'), /checkpoints already.+--resume/],
    ['another shape', () => ['train', 'lm', '--resume', '--out', at('whole'), '--width', '64'], 'hidden_size is 48'],
    [
      'another rate',
      () => ['train', 'lm', '--resume', '--out', at('whole'), '--learning-rate', '1'],
      'learningRate is',
    ],
    ['no layers', () => lm('x', '--layers', '0'), /--layers.+'0'.+at least 1/],
    ['half a layer', () => lm('x', '--layers', '1.5'), /--layers.+'1.5'.+integer/],
    ['heads that do not divide the width', () => lm('x', '--updates', '1', '--heads', '5'), /width is 48.+5 heads/],
    [
      'key heads that do not divide the heads',
      () => lm('x', '--updates', '1', '--heads', '4', '--kv-heads', '3'),
      /(num_key_value_heads|kvHeadCount|key).+3/,
    ],
    [
      'heads of odd width',
      () => lm('x', '--updates', '1', '--heads', '16', '--kv-heads', '16'),
      /(head_?[dD]im|head).+3/,
    ],
    ['sequences of one token', () => lm('x', '--length', '1'), /--length.+'1'.+at least 2/],
    ['no sequences', () => lm('x', '--sequences', '0'), /--sequences.+'0'.+at least 1/],
    ['a learning rate of 0', () => lm('x', '--learning-rate', '0'), /--learning-rate.+'0'.+above 0/],
    ['a negative learning rate', () => lm('x', '--learning-rate', '-1'), /--learning-rate.+'-1'.+above 0/],
    ['a learning rate that is no number', () => lm('x', '--learning-rate', 'NaN'), /--learning-rate.+'NaN'.+number/],
    ['a clip of 0', () => lm('x', '--clip', '0'), /--clip.+'0'.+above 0/],
    ['no updates', () => lm('x', '--updates', '0'), /--updates.+'0'.+at least 1/],
    ['an unknown schedule', () => lm('x', '--updates', '1', '--schedule', 'no'), /--schedule.+cosine/],
    [
      'a shape beside a model',
      () => lm('x', '--updates', '1', '--init', at('whole', 'model')),
      '--init has its own shape',
    ],
    [
      'a model with another tokenizer',
      () => [...lmOf(at('other')), '--init', at('whole', 'model')],
      /packed with the tokenizer sha256.+--tokenizer/,
    ],
    [
      'sequences longer than the model',
      () => [...lmOf(at('packed')), '--init', at('whole', 'model'), '--length', '65'],
      '65 tokens long, the model is made for 64',
    ],
    ['an adapter of no model', () => lm('x', '--updates', '1', '--lora-rank', '2'), /--lora-rank.+--init/],
    ['alpha of no adapter', () => lm('x', '--updates', '1', '--lora-alpha', '2'), /--lora-alpha.+--lora-rank/],
    ['an adapter without a rank', () => lm('x', '--lora-rank', '0'), /--lora-rank.+'0'.+at least 1/],
    ['no model to begin with', () => [...lmOf(at('packed')), '--init', at('no')], at('no')],
    ['data without text to train on', () => lmOf(at('empty')), 'text to train on for 0 sequences'],
    ['a batch larger than the data', () => [...lmOf(at('packed')), '--sequences', '500'], 'a batch has 500'],
    ['a folder that cannot be', () => lm(join('data.jsonl', 'x'), '--updates', '1'), /data.jsonl.+cannot be/],
    ['no run to export', () => ['export', '--run', at('no'), '--out', at('y')], 'run.json'],
  ])('%s is refused, and nothing is written', async ([, args, message]) => {
    const before = await readdir(folder, { recursive: true })
    await expect(parsed(args())).rejects.toThrow(message)
    expect(await readdir(folder, { recursive: true })).toEqual(before)
  })
})

/** What the command does, without a process of its own. */
function parsed(args: readonly string[]): Promise<unknown> {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  addTrain(program)
  addExport(program)
  return program.parseAsync(args, { from: 'user' })
}
