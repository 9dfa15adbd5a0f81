import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeTinyFolder } from '../../engine/tiny.ts'
import { runBuilt } from '../run-built.ts'

let folder = ''
const at = (name: string) => join(folder, name)
const read = (name: string) => readFile(at(name), 'utf8')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-disco-'))
  await writeTinyFolder(at('model'), { writes: /[a-p ]/ })
  // The same model but for the letters that it never writes: sometimes right.
  await mkdir(at('model/draft'))
  await writeTinyFolder(at('model/draft'), { writes: /[a-m ]/ })
  const lines = (n: number) => Array.from({ length: n }, (_, i) => `{"prompt":"Tell me of ${i}."}\n`).join('')
  await writeFile(at('few.jsonl'), lines(6))
  await writeFile(at('more.jsonl'), lines(2).replaceAll('Tell', 'Sing'))
  await writeFile(at('many.jsonl'), lines(2000))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const disco = (...args: string[]) => runBuilt(['train', 'disco', at('model'), '--threads', '1', ...args])
const short = ['--max-tokens', '24', '--epochs', '5', '--max-guesses', '4']

describe('paceline train disco', () => {
  test('writes a classifier beside the draft model, and tells what it would have saved', async () => {
    const prompts = `${at('few.jsonl')},${at('more.jsonl')}`
    const { code, stdout, stderr } = await disco('--prompts', prompts, '--log', at('log.jsonl'), ...short)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/disco\.json: goes on from a chance of 0\.\d+, to [1-4] guesses\n/)
    expect(stdout).toMatch(/of \d+ held out \d+ % were accepted, AUC /)
    for (const name of ['constant-1', 'constant-4', 'confidence-0.4', 'disco', 'oracle'])
      expect(stdout).toMatch(new RegExp(`^ {2}${name}( +[\\d.]+){6}$`, 'm'))
    expect((await read('log.jsonl')).trimEnd().split('\n')).toHaveLength(1 + 8)

    const generated = await runBuilt([
      'generate',
      at('model'),
      'Tell',
      '--max-tokens',
      '20',
      '--drafter',
      'draft:disco',
    ])
    const plain = await runBuilt(['generate', at('model'), 'Tell', '--max-tokens', '20'])
    expect(generated.code).toBe(0)
    expect(generated.stdout).toBe(plain.stdout)
  })

  test('trains from a log the same file, without prompts', async () => {
    const { code } = await disco('--from-log', at('log.jsonl'), '--epochs', '5', '--out', at('again.json'))
    expect(code).toBe(0)
    expect(await read('again.json')).toBe(await read('model/draft/disco.json'))
  })

  test('interrupted, it keeps the log and says how to train from it', async () => {
    const args = ['--prompts', at('many.jsonl'), '--log', at('cut.jsonl'), '--out', at('cut.json'), ...short]
    const ended = await runBuilt(['train', 'disco', at('model'), '--threads', '1', ...args], {
      async started(child) {
        while ((await read('cut.jsonl').catch(() => '')).split('\n').length < 12 && child.exitCode === null)
          await new Promise((go) => setTimeout(go, 5))
        child.kill('SIGINT')
      },
    })
    expect(ended).toMatchObject({ code: 130, stdout: '' })
    expect(ended.stderr).toMatch(
      /interrupted; train from the \d+ texts in the log with: paceline train disco .+ --from-log/,
    )
    await expect(stat(at('cut.json'))).rejects.toMatchObject({ code: 'ENOENT' })
    const { code } = await disco('--from-log', at('cut.jsonl'), '--epochs', '2', '--out', at('cut.json'))
    expect(code).toBe(0)
    expect(JSON.parse(await read('cut.json'))).toMatchObject({ format: 'paceline-disco' })
  })
})

describe.concurrent('what is wrong', () => {
  test.for<[string, () => string[], number, string]>([
    ['nothing to run on', () => [], 2, 'give --prompts FILES'],
    ['prompts and a log', () => ['--prompts', at('few.jsonl'), '--from-log', at('log.jsonl')], 2, '--from-log'],
    ['no such log', () => ['--from-log', at('none.jsonl')], 1, 'none.jsonl: cannot be read'],
    ['prompts instead of a log', () => ['--from-log', at('few.jsonl')], 1, 'few.jsonl, line 1: is not the header'],
    ['no draft model', () => ['--prompts', at('few.jsonl'), '--draft', at('none')], 1, 'none'],
  ])('%s is said in one line, and nothing is written', async ([, args, code, message], { expect }) => {
    const ended = await disco(...args(), '--out', at('no.json'))
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(/^paceline: .+\n$/) })
    expect(ended.stderr).toContain(message)
    await expect(stat(at('no.json'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
