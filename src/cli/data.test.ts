import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ended, main, runProcess } from './run-built.ts'

let folder = ''
const at = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-data-'))
  const lines = Array.from({ length: 300 }, (_, i) =>
    JSON.stringify({ prompt: `What is ${i} + 1?`, response: `${i + 1}` }),
  )
  await writeFile(at('sums.jsonl'), `${lines.join('\n')}\n`)
  await writeFile(at('notes.jsonl'), '{"text":"A note."}\n{"text":"A note."}\n{"text":""}\n')
  await writeFile(at('bad.jsonl'), '{"text":"A note."}\n{"txt":"A note."}\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs `paceline data`; `interrupt` sends Ctrl-C when it resolves. */
function data(args: readonly string[], interrupt?: Promise<void>): Promise<Ended> {
  return run(process.execPath, [main, 'data', ...args], interrupt)
}

function run(command: string, args: readonly string[], interrupt?: Promise<void>): Promise<Ended> {
  return runProcess(command, args, { started: (child) => interrupt?.then(() => child.kill('SIGINT')) })
}

describe('paceline data', () => {
  const pack = () => ['--input', at('sums.jsonl'), at('notes.jsonl'), '--out', at('data'), '--vocabulary', '300']

  test('packs files, tells what is in them, and replaces the dataset only with --force', async () => {
    const { code, stdout, stderr } = await data([...pack(), '--validation', '0.1', '--json', at('numbers.json')])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('301 of 303 read; dropped: 1 empty, 1 there twice, 0 with a special token written out')
    expect(stdout).toMatch(/^ {2}sums +300 +\d+ +[\d,]+ +[\d,]+ .+ \d\.\d{3} +\d\.\d{3}$/m)
    expect(stdout).toMatch(/^ {2}trigram +\d\.\d{3} nats per token, \d\.\d{3} bits per byte$/m)
    expect((await readdir(at('data'))).sort()).toEqual([
      'dataset.json',
      'tokenizer.json',
      'tokenizer_config.json',
      ...['train', 'validation'].flatMap((split) =>
        ['documents', 'tokens', 'weights'].map((part) => `${split}.${part}.bin`),
      ),
    ])
    const { baselines, ...info } = JSON.parse(await readFile(at('numbers.json'), 'utf8'))
    expect(info).toEqual(JSON.parse(await readFile(at('data/dataset.json'), 'utf8')))
    expect(baselines.trigram.natsPerToken).toBeLessThan(baselines.unigram.natsPerToken)

    const again = await data(pack())
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--force') })
    const forced = await data([...pack(), '--force', '--validation', '0', '--json', '-'])
    expect(forced).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(forced.stdout)).toMatchObject({ validationShare: 0, tasks: ['sums', 'notes'] })
  })

  test.each<[string, () => string[], number, string]>([
    ['a bad line', () => ['--input', at('bad.jsonl'), '--out', at('no')], 1, 'bad.jsonl, line 2: "prompt" is missing'],
    ['no such file', () => ['--input', at('none.jsonl'), '--out', at('no')], 1, 'none.jsonl: cannot be read'],
    ['no input', () => ['--out', at('no')], 2, '--input'],
    [
      'a folder of something else',
      () => ['--input', at('sums.jsonl'), '--out', folder, '--force'],
      1,
      'never replaced',
    ],
    [
      'too few tokens',
      () => ['--input', at('sums.jsonl'), '--out', at('no'), '--vocabulary', '9'],
      2,
      'vocabulary is 9',
    ],
    ['two tokenizers', () => [...pack(), '--tokenizer', folder], 2, '--vocabulary'],
  ])('%s is said in one line, and nothing is written', async (_, args, code, message) => {
    const before = (await readdir(folder)).sort()
    const ended = await data(args())
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(/^paceline: .+\n$/) })
    expect(ended.stderr).toContain(message)
    expect((await readdir(folder)).sort()).toEqual(before)
  })

  // A limit on the size of files is the full disk that a test can have.
  test.skipIf(process.platform === 'win32')('a disk that is full is said, and nothing is left behind', async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `{"text":"note ${i}"}\n`)
    await writeFile(at('large.jsonl'), lines.join(''))
    const before = (await readdir(folder)).sort()
    for (const kilobytes of [1, 32]) {
      const command = `ulimit -f ${kilobytes}; exec "$0" "$@"`
      const args = ['--input', at('large.jsonl'), '--out', at('full'), '--vocabulary', '300']
      const ended = await run('bash', ['-c', command, process.execPath, main, 'data', ...args])
      expect(ended).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/full.*cannot be written: EFBIG/),
      })
      expect((await readdir(folder)).sort()).toEqual(before)
    }
  })

  test('Ctrl-C leaves nothing behind', async () => {
    const lines = Array.from({ length: 200_000 }, (_, i) => `{"text":"note ${i} of very many"}\n`)
    await writeFile(at('many.jsonl'), lines.join(''))
    const begun = async () => {
      while (!(await readdir(folder)).some((name) => name.endsWith('.tmp')))
        await new Promise((go) => setTimeout(go, 10))
    }
    const { code, stderr } = await data(['--input', at('many.jsonl'), '--out', at('much')], begun())
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'Interrupted: nothing was written.\n' })
    const left = (await readdir(folder)).filter((name) => name.endsWith('.tmp') || name === 'much')
    expect(left).toEqual([])
  })
})
