import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeModel, writeRandomCheckpoint } from '../../checkpoint/index.ts'
import { tinyModel } from '../../model/tiny.ts'
import { packDataset } from '../../training/index.ts'
import { type Ended, runBuilt } from '../run-built.ts'
import { renderEvaluation } from './report.ts'

let folder = ''
const at = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-evaluate-'))
  const rows = Array.from({ length: 80 }, (_, i) => ({
    task: i % 2 === 0 ? 'sum' : 'echo',
    prompt: i % 2 === 0 ? `${i} + 1?` : `Say ${i}.`,
    response: i % 2 === 0 ? `${i + 1}` : `${i}!`,
  }))
  await writeFile(at('data.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  await packDataset({ files: [at('data.jsonl')], folder: at('data'), vocabulary: 300, validation: 0.3 })
  for (const [name, contextLength] of [
    ['model', 64],
    ['short', 2],
  ] as const) {
    const { spec, tensors } = tinyModel({ vocabSize: 300, contextLength, eosTokenIds: [1] })
    const content = { spec, tensors: new Map(Object.entries(tensors)), dtype: 'f32', provenance: {} } as const
    await writeModel(at(name), { ...content, tokenizer: at('data') })
  }
  await writeRandomCheckpoint(at('bytes'), 'llama-tiny', 1)
  await writeFile(at('bytes/tokenizer_config.json'), '{"eos_token":"</s>"}')
  const question = { question_id: 1, category: 'sum', turns: ['2 + 2?'] }
  await writeFile(at('prompts.jsonl'), `${JSON.stringify(question)}\n`)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs `paceline evaluate`; `@name` stands for a file or folder of this test. */
function evaluate(...args: string[]): Promise<Ended> {
  return runBuilt(['evaluate', ...args.map((arg) => (arg.startsWith('@') ? at(arg.slice(1)) : arg))])
}

describe('paceline evaluate', () => {
  test('tells the loss of each task and dtype beside the baselines, and keeps the numbers', async () => {
    const args = ['@model', '--data', '@data', '--dtype', 'f32,int8', '--samples', '2', '--max-tokens', '5']
    const { code, stdout, stderr } = await evaluate(...args, '--json', '@numbers.json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const task of ['sum', 'echo', 'all'])
      expect(stdout.match(new RegExp(`^ {2}${task} +\\d+ +\\d+( +\\d+\\.\\d{3}){5}$`, 'gm'))).toHaveLength(2)

    const report = JSON.parse(await readFile(at('numbers.json'), 'utf8'))
    const { baselines, evaluations, samples } = report
    expect(evaluations.map(({ dtype }: { dtype: string }) => dtype)).toEqual(['f32', 'int8'])
    const [f32, int8] = evaluations
    expect(Math.abs(f32.natsPerToken - int8.natsPerToken)).toBeLessThan(0.1 * f32.natsPerToken)
    // Random weights know nothing; sums of 40 documents repeat themselves.
    expect(f32.natsPerToken).toBeGreaterThan(baselines.trigram.natsPerToken)
    expect(stdout).toContain(baselines.byTask.echo.unigram.bitsPerByte.toFixed(3))
    expect(samples.map(({ task }: { task: string }) => task)).toEqual(['sum', 'sum', 'echo', 'echo'])
    expect(stdout).toContain(`  prompt\n    ${samples[0].prompt}\n  model\n`)
    expect(renderEvaluation(report, { markdown: false })).toBe(stdout)

    const { code: _, stdout: printed } = await evaluate(...args, '--json', '-')
    expect(JSON.parse(printed)).toEqual(report)
  })

  test('--markdown prints tables and fenced samples of prompts that are given', async () => {
    const args = ['@model', '--data', '@data', '--no-baselines', '--limit', '5', '--max-tokens', '3', '--markdown']
    const { code, stdout } = await evaluate(...args, '--samples', '1', '--prompts', '@prompts.jsonl')
    expect(code).toBe(0)
    expect(stdout).toContain('| task | documents | tokens | f32 |\n| --- | ---: | ---: | ---: |\n| sum |')
    expect(stdout).toMatch(/\*\*sum\*\*\n\n```text\n2 \+ 2\?\n```\n\nThe model writes:\n\n```text\n/)
  })

  test('--exact-match counts answers that are those of the dataset', async () => {
    const args = ['@model', '--data', '@data', '--no-baselines', '--dtype', 'f32,int8', '--limit', '5']
    const { code, stdout } = await evaluate(...args, '--max-tokens', '3', '--exact-match', '4')
    expect(code).toBe(0)
    // Random weights answer nothing right.
    expect(stdout).toMatch(
      /answers that are those of the dataset\n +task +answers +f32 +int8\n +sum +4 +0\.0 % +0\.0 %\n/,
    )
  })

  test.each<[string, string[], number, string]>([
    ['another tokenizer', ['@bytes', '--data', '@data'], 2, 'packed with the tokenizer sha256:'],
    ['a context that is too short', ['@short', '--data', '@data'], 1, "the model's context 2"],
    ['no dataset', ['@model', '--data', '@model'], 1, 'expected a packed dataset'],
    ['prompts without samples', ['@model', '--data', '@data', '--prompts', '@prompts.jsonl'], 2, '--samples'],
    ['an unknown split', ['@model', '--data', '@data', '--split', 'test'], 2, 'validation, train'],
  ])('%s is refused in a sentence', async (_, args, code, message) => {
    const ended = await evaluate(...args)
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(/^paceline: .+\n$/) })
    expect(ended.stderr).toContain(message)
  })
})

test('a fence is longer than any in a sample', () => {
  const loss = { task: 'a', documents: 1, tokens: 1, cut: 0, natsPerToken: 1, bitsPerByte: 1 }
  const evaluation = { ...loss, dtype: 'f32', executor: 'native', tasks: [loss] } as const
  const samples = [{ task: 'a|b', prompt: 'x', response: '```js\nx\n````', ended: false }]
  const report = {
    folder: 'm',
    data: 'd',
    split: 'train',
    evaluations: [evaluation],

    samples,
  } as const
  expect(renderEvaluation(report, { markdown: true })).toContain('\n`````text\n```js\nx\n```` ...\n`````\n')
})
