import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeTinyFolder } from '../../engine/tiny.ts'
import { type Ended, runBuilt } from '../run-built.ts'

let folder = ''
const at = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-collect-'))
  await writeTinyFolder(at('plain'), { writes: /[a-p ]/, eos: 'e' })
  await writeTinyFolder(at('chat'), {
    writes: /[a-p ]/,
    eos: 'e',
    chatTemplate: '{% for message in messages %}[{{ message.role }}]{{ message.content }}{% endfor %}:',
  })
  const lines = (n: number) => Array.from({ length: n }, (_, i) => `{"prompt":"Tell me of ${i}."}\n`).join('')
  await writeFile(at('few.jsonl'), lines(20))
  await writeFile(at('many.jsonl'), lines(600))
  await writeFile(at('bad.jsonl'), `${lines(1)}{"text":"no prompt"}\n`)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs `paceline collect`. `started` gets the process as it starts. */
function collect(args: readonly string[], started?: (child: ChildProcess) => void): Promise<Ended> {
  return runBuilt(['collect', ...args], started && { started })
}

/** Sends a signal when there are more answers than at first. */
function whenBegun(out: string, signal: NodeJS.Signals): (child: ChildProcess) => Promise<void> {
  const size = async () => (await readFile(at(out)).catch(() => '')).length
  return async (child) => {
    const before = await size()
    while ((await size()) <= before && child.exitCode === null) await new Promise((go) => setTimeout(go, 2))
    child.kill(signal)
  }
}

const asking = (model: string, prompts: string, out: string) => [
  ...[at(model), '--prompts', at(prompts), '--out', at(out)],
  ...['--max-tokens', '40', '--threads', '1'],
]

describe('paceline collect', () => {
  test('keeps the answers, tells how prompts were asked, and what came of them', async () => {
    const { code, stdout, stderr } = await collect([...asking('chat', 'few.jsonl', 'few.out.jsonl'), '--count', '12'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "20 prompts of 1 task; 12 to ask, each as a user's turn\n" })
    expect(stdout).toMatch(/^ {2}few +12 +\d+ +\d+\.\d +\d+ %$/m)
    expect((await readFile(at('few.out.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(12)

    const [again, forced] = await Promise.all([
      collect(asking('chat', 'few.jsonl', 'few.out.jsonl')),
      collect([...asking('plain', 'few.jsonl', 'plain.out.jsonl'), '--force', '--count', '1']),
    ])
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/few\.out.+--resume.+--force/) })
    expect(forced).toMatchObject({ code: 0, stderr: expect.stringContaining('as plain text: the model has no chat') })
  })

  test('killed and interrupted at any moment, it is resumed to the same file', async () => {
    const whole = collect(asking('plain', 'many.jsonl', 'whole.jsonl'))
    const cut = asking('plain', 'many.jsonl', 'cut.jsonl')
    const killed = await collect(cut, whenBegun('cut.jsonl', 'SIGKILL'))
    expect(killed.code).toBeNull()
    // What a kill in the middle of a write leaves.
    const left = await readFile(at('cut.jsonl'))
    await writeFile(at('cut.jsonl'), left.subarray(0, left.length - 7))

    const interrupted = await collect([...cut, '--resume'], whenBegun('cut.jsonl', 'SIGINT'))
    expect((await whole).code).toBe(0)
    expect(interrupted.code).toBe(130)
    expect(interrupted.stderr).toMatch(/interrupted; go on with: paceline collect .+ --resume\n$/)
    expect(interrupted.stdout).toContain(at('cut.jsonl'))
    const resumed = await collect([...cut, '--resume'])
    expect(resumed.code).toBe(0)
    expect(resumed.stderr).toMatch(/^600 prompts of 1 task; \d+ answered, \d+ to ask/)
    expect(await readFile(at('cut.jsonl'), 'utf8')).toBe(await readFile(at('whole.jsonl'), 'utf8'))
  })
})

describe.concurrent('what is wrong', () => {
  test.for<[string, () => string[], number, string]>([
    ['a bad line', () => asking('plain', 'bad.jsonl', 'no.jsonl'), 1, 'bad.jsonl, line 2: "prompt" is missing'],
    ['no such file', () => asking('plain', 'none.jsonl', 'no.jsonl'), 1, 'none.jsonl: cannot be read'],
    ['no such model', () => asking('none', 'few.jsonl', 'no.jsonl'), 1, 'none: there is no such folder'],
    ['nothing to resume', () => [...asking('plain', 'few.jsonl', 'no.jsonl'), '--resume'], 1, 'nothing to resume'],
    ['answers over the prompts', () => [...asking('plain', 'few.jsonl', 'few.jsonl'), '--force'], 2, '--out'],
    ['two ways to begin', () => [...asking('plain', 'few.jsonl', 'no.jsonl'), '--force', '--resume'], 2, '--resume'],
    ['no prompts', () => [at('plain'), '--out', at('no.jsonl')], 2, '--prompts'],
    ['an unknown drafter', () => [...asking('plain', 'few.jsonl', 'no.jsonl'), '--drafter', 'x'], 2, '--drafter'],
  ])('%s is said in one line, and nothing is written', async ([, args, code, message], { expect }) => {
    const ended = await collect(args())
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(/^paceline: .+\n$/) })
    expect(ended.stderr).toContain(message)
    await expect(stat(at('no.jsonl'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('paceline collect --trajectories', () => {
  const trajectories = ['--trajectories', '--block', '8']

  test('keeps how blocks were found, and how fast; interrupted, it is resumed to the same file', async () => {
    const whole = await collect([...asking('chat', 'few.jsonl', 'few.blocks.jsonl'), ...trajectories])
    expect(whole).toMatchObject({ code: 0, stderr: expect.stringContaining('20 prompts of 1 task; 20 to ask') })
    expect(whole.stdout).toMatch(/passes per block +tokens per pass +fast-forwarded per block +stationary per block/)
    expect(whole.stdout).toMatch(/^ {2}all +\d+ +\d\.\d\d +\d\.\d\d +\d+\.\d\d +\d+\.\d\d$/m)
    const content = await readFile(at('few.blocks.jsonl'), 'utf8')
    const rows = content
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const dropped = Number(/^(\d+) answers repeated themselves and were dropped$/m.exec(whole.stderr)?.[1] ?? 0)
    expect(rows.length).toBe(20 - dropped)
    expect(rows.length).toBeGreaterThan(0)
    await collect([...asking('chat', 'few.jsonl', 'plain.few.jsonl'), '--temperature', '0'])
    const plain = (await readFile(at('plain.few.jsonl'), 'utf8')).split('\n')
    for (const { task, prompt, response, finish, tokens, blocks } of rows) {
      expect(plain).toContain(JSON.stringify({ task, prompt, response, finish, tokens }))
      expect(blocks.flatMap((block: { tokens: number[] }) => block.tokens)).toHaveLength(tokens)
    }

    const some = await collect([...asking('chat', 'few.jsonl', 'cut.blocks.jsonl'), ...trajectories, '--count', '9'])
    expect(some.code).toBe(0)
    const resumed = await collect([...asking('chat', 'few.jsonl', 'cut.blocks.jsonl'), ...trajectories, '--resume'])
    expect(resumed.stdout.replace('cut', 'few')).toBe(whole.stdout)
    expect(await readFile(at('cut.blocks.jsonl'), 'utf8')).toBe(content)
    const other = await collect([...asking('chat', 'few.jsonl', 'cut.blocks.jsonl'), '--trajectories', '--resume'])
    expect(other.stderr).toContain('trajectories was 8 when this collection began and is 16 now')
  })

  test('drawn answers are those of plain decoding with the same noise', async () => {
    const drawn = ['--temperature', '1', '--top-k', '5']
    const blocks = await collect([...asking('chat', 'few.jsonl', 'drawn.blocks.jsonl'), ...trajectories, ...drawn])
    expect(blocks.code).toBe(0)
    await collect([...asking('chat', 'few.jsonl', 'drawn.jsonl'), ...drawn])
    const plain = (await readFile(at('drawn.jsonl'), 'utf8')).trimEnd().split('\n')
    const rows = (await readFile(at('drawn.blocks.jsonl'), 'utf8')).trimEnd().split('\n')
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) {
      const { block: _, promptIds: __, blocks: ___, ...answer } = JSON.parse(row)
      expect(plain).toContain(JSON.stringify(answer))
    }
  })

  test.for([
    [['--trajectories', '--drafter', 'jacobi'], 'leave out --drafter'],
    [['--block', '8'], '--block goes with --trajectories'],
    [['--trajectories', '--block', '65'], 'from 2 to 64'],
  ] as const)('%j is refused', async ([args, message], { expect }) => {
    const ended = await collect([...asking('plain', 'few.jsonl', 'no.jsonl'), ...args])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain(message)
  })
})
