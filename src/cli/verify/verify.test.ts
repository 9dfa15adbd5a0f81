import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeRandomCheckpoint } from '../../checkpoint/index.ts'
import { type Circumstances, type Ended, runBuilt } from '../run-built.ts'
import { renderVerification, type VerifyReport } from './report.ts'

let folder = ''
const at = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-verify-'))
  await writeRandomCheckpoint(at('tiny'), 'llama-tiny', 1)
  await writeRandomCheckpoint(at('long'), { contextLength: 65_536 }, 1)
  const row = (id: number, category: string, turn: string) =>
    JSON.stringify({ question_id: id, category, turns: [turn] })
  await writeFile(at('suite.jsonl'), [row(1, 'a', 'abcabcabc'), row(2, 'b', 'Hi'), row(3, 'b', 'Ho')].join('\n'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs `paceline verify`; `@name` stands for a file or folder of this test. */
function verify(args: readonly string[], circumstances?: Circumstances): Promise<Ended> {
  const named = args.map((arg) => arg.replace(/(^|=)@/, `$1${folder}/`))
  return runBuilt(['verify', ...named, '--threads', '1'], circumstances)
}

describe('paceline verify', () => {
  const short = ['@tiny', '--suite', '@suite.jsonl', '--prompts-per-task', '1', '--max-tokens', '12']

  test('compares every drafter there is, tells which there are not, and keeps the numbers', async () => {
    const file = at('numbers.json')
    const { code, stdout, stderr } = await verify([...short, '--dtype', 'f32,int8', '--samples', '60', '--json', file])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const report: VerifyReport = JSON.parse(await readFile(file, 'utf8'))
    expect(report).toMatchObject({ model: at('tiny'), passed: true })
    expect(report.rowErrors.map(({ dtype }) => dtype)).toEqual(['f32', 'int8'])
    for (const temperature of [0, 1])
      for (const dtype of ['f32', 'int8'])
        expect(report.results).toContainEqual(
          expect.objectContaining({ drafter: 'prompt-lookup', dtype, temperature, unexplained: 0 }),
        )
    expect(report.results.filter(({ temperature }) => temperature === 0).every(({ prompts }) => prompts === 2)).toBe(
      true,
    )
    expect(report.skipped).toContainEqual({
      drafter: 'draft:constant',
      reason: expect.stringContaining('there is no such folder'),
    })
    expect(stdout).toMatch(/prompt-lookup +int8 +- +0 +2 +2 +0 +0 +\d\.\d\d/)
    expect(stdout).toContain('Skipped: draft:constant')
    expect(stdout).toMatch(/\nLossless.+\n$/)
  })

  test('with a draft model at a path, a band and ONNX Runtime reports both lines as JSON', async () => {
    const flags = ['--drafters', 'draft:constant-3=@tiny', '--dtype', 'f32', '--executor', 'onnx', '--samples', '0']
    const { code, stdout } = await verify([...short, ...flags, '--strict', '0.01', '--json', '-'])
    expect(code).toBe(0)
    const { results, sampling, skipped, executor }: VerifyReport = JSON.parse(stdout)
    expect(executor).toBe('ONNX Runtime')
    expect({ sampling, skipped }).toEqual({ sampling: [], skipped: [] })
    const drafter = `draft:constant-3=${at('tiny')}`
    expect(results).toMatchObject([
      { drafter, strict: 0, temperature: 0 },
      { drafter, strict: 0, temperature: 1 },
      { drafter, strict: 0.01, temperature: 0, identical: 2 },
      { drafter, strict: 0.01, temperature: 1, identical: 6 },
    ])
    // The draft model is the target itself.
    expect(results[0].tau).toBeGreaterThan(3)
  })

  test('tells how far typical acceptance is from lossless, and does not pass it', async () => {
    const flags = ['--drafters', 'prompt-lookup', '--dtype', 'f32', '--samples', '0', '--rule', 'typical-lossy']
    const { code, stdout } = await verify([...short, ...flags])
    expect(code).toBe(1)
    expect(stdout).toContain('rule typical-lossy, against plain decoding')
    expect(stdout).toContain('  by the rule  prompt-lookup, f32, seed ')
    expect(stdout).not.toContain('UNEXPLAINED')
    expect(stdout).toMatch(/prompt-lookup +f32 +- +0 +2 +2 +0 +0 /)
    expect(stdout).toMatch(/NOT LOSSLESS, by design.+ [1-6] of 6 texts are not those of plain decoding.+\n$/)
  })

  test.each<[string, string[], number, string]>([
    ['a rule whose texts are others', ['@tiny', '--rule', 'rejection'], 2, 'target-draw, typical-lossy'],
    ['a named drafter that is not there', ['@tiny', '--drafters', 'draft'], 1, 'there is no such folder'],
    ['an unknown drafter', ['@tiny', '--drafters', 'prompt-lookup,oracle'], 2, 'there is no drafter "oracle"'],
    ['a drafter named twice', ['@tiny', '--drafters', 'none,none'], 2, 'named twice'],
    ['a negative band', ['@tiny', '--strict', '-1'], 2, 'at least 0'],
    ['a suite that is not there', ['@tiny', '--suite', '@no.jsonl'], 1, 'no.jsonl'],
    ['no model', ['@nowhere'], 1, 'there is no such folder'],
    ['a report that has nowhere to go', ['@tiny', '--json', '@no/x'], 1, 'no/x'],
  ])('%s is refused in a sentence', async (_, args, code, message) => {
    const ended = await verify(args)
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(/^paceline: .+\n$/) })
    expect(ended.stderr).toContain(message)
  })

  test('Ctrl-C ends it in a word', async () => {
    const endless = ['@long', '--suite', '@suite.jsonl', '--max-tokens', '60000', '--drafters', 'none']
    const interruptAfter = (ms: number) =>
      verify(endless, { started: (child) => setTimeout(() => child.kill('SIGINT'), ms) })
    // Before the command has begun, a signal kills; how long that takes is the machine's secret.
    let ended = await interruptAfter(1500)
    for (let ms = 3000; ended.code === null && ms <= 24_000; ms *= 2) ended = await interruptAfter(ms)
    expect(ended).toEqual({ code: 130, stdout: '', stderr: 'Interrupted.\n' })
  })
})

describe('paceline generate', () => {
  const generate = (...flags: string[]) =>
    runBuilt(['generate', at('tiny'), 'abcabcabc', '--max-tokens', '30', ...flags])

  test('takes the ways of accepting guesses', async () => {
    const sampled = ['--temperature', '1', '--seed', '3', '--drafter', 'prompt-lookup', '--json']
    const [plain, exact, rejection, typical] = [
      await generate(...sampled),
      await generate(...sampled, '--strict', '0.1', '--no-shared-noise', '--rule', 'target-draw'),
      await generate(...sampled, '--rule', 'rejection'),
      await generate(...sampled, '--rule', 'typical-lossy'),
    ].map(({ stdout }) => JSON.parse(stdout).ids)
    expect(exact).toEqual(plain)
    expect(rejection).not.toEqual(plain)
    expect(typical).not.toEqual(plain)
  })

  test('lists them in its help, and refuses others', async () => {
    const [help, typical, negative] = [
      await generate('--help'),
      await generate('--rule', 'typical'),
      await generate('--strict', '-1'),
    ]
    expect(help.stdout.replace(/\s+/g, ' ')).toMatch(/typical-lossy, which .{0,60} NOT lossless/)
    for (const flag of ['--rule', '--no-shared-noise', '--strict <band>']) expect(help.stdout).toContain(flag)
    expect(typical).toMatchObject({ code: 2, stderr: expect.stringMatching(/--rule.+typical.+target-draw, rejection/) })
    expect(negative).toMatchObject({ code: 2, stderr: expect.stringContaining('--strict') })
  })
})

describe('the report', () => {
  const comparison = { drafter: 'd', dtype: 'int8', strict: 0, temperature: 0, prompts: 9, tokens: 90, tau: 2 } as const
  const tie = { plain: 1, drafted: 2, margin: 0.001, gap: 0.002, oneRow: 1 }
  const where = { drafter: 'd', dtype: 'int8', strict: 0, temperature: 0, seed: 0, prompt: 4, position: 17 } as const
  const empty = { model: 'm', executor: 'ONNX Runtime', rule: 'target-draw', skipped: [], sampling: [] } as const
  const tokenOf = (id: number) => `<${id}>`

  test('says that nothing but rounding differs, and where', () => {
    const report: VerifyReport = {
      ...empty,
      passed: true,
      rowErrors: [{ dtype: 'int8', error: 0.0123 }],
      results: [{ ...comparison, identical: 8, explained: 1, unexplained: 0 }],
      divergences: [{ ...where, ...tie, explained: true }],
    }
    const text = renderVerification(report, tokenOf)
    expect(text).toContain('at most: int8 0.0123')
    expect(text).toContain(
      'explained    d, int8: prompt 4, token 17: "<1>" plainly, "<2>" with the drafter; margin 0.00100',
    )
    expect(text).toMatch(/Lossless up to rounding: 1 of 9 texts differ.+\n$/)
  })

  test('never calls a lossy rule lossless, not even where no text differs', () => {
    const test = { drafter: 'd', dtype: 'int8', prompt: 4, position: 2, tokens: 2, samples: 9, guessed: 9 } as const
    const same = { identical: 9, explained: 0, unexplained: 0 }
    const report: VerifyReport = {
      ...{ ...empty, rule: 'typical-lossy', passed: false, rowErrors: [], divergences: [] },
      results: [
        { ...comparison, ...same },
        { ...comparison, ...same, temperature: 1 },
      ],
      sampling: [{ ...test, statistic: 3, degrees: 3, p: 0.4, passed: true }],
    }
    const text = renderVerification(report, tokenOf)
    expect(text).toContain('First tokens drawn with many seeds, rule typical-lossy, temperature 1')
    expect(text).toMatch(/NOT LOSSLESS, by design: .+ 0 of 9 texts .+ 0 of 1 tests of sampling failed\.\n$/)
    // Greedily it has to be exact: a difference there is no design.
    const broken = [{ ...comparison, identical: 8, explained: 0, unexplained: 1 }, ...report.results.slice(1)]
    expect(renderVerification({ ...report, results: broken }, tokenOf)).toContain(
      'NOT LOSSLESS: 1 of 18 texts differ without explanation',
    )
  })

  test('says what has no explanation before all else, and which sampling failed', () => {
    const test = { drafter: 'd', dtype: 'int8', prompt: 4, position: 2, tokens: 2, samples: 9, guessed: 9 } as const
    const report: VerifyReport = {
      ...empty,
      passed: false,
      rowErrors: [{ dtype: 'int8', error: 0 }],
      results: [{ ...comparison, identical: 7, explained: 1, unexplained: 1 }],
      divergences: [
        { ...where, ...tie, explained: true },
        { ...where, ...tie, drafted: null, explained: false },
      ],
      sampling: [{ ...test, statistic: 80, degrees: 3, p: 1e-16, passed: false }],
    }
    const text = renderVerification(report, tokenOf)
    expect(text.indexOf('UNEXPLAINED  d, int8')).toBeLessThan(text.indexOf('explained    d'))
    expect(text).toContain('"<1>" plainly, nothing with the drafter')
    expect(text).toContain('int8 0 (bit for bit)')
    expect(text).toMatch(/two +9 +9 +80.0 +3 +1\.00e-16 +FAILED/)
    expect(text).toContain('NOT LOSSLESS: 1 of 9 texts differ without explanation, 1 of 1 tests of sampling failed.')
  })
})
