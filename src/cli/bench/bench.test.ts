import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeTinyFolder } from '../../engine/tiny.ts'
import { runBuilt } from '../run-built.ts'

let folder = ''
const at = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-bench-'))
  await writeTinyFolder(at('model'), { writes: /[a-d ]/ })
  const line = (id: number, category: string, ...turns: string[]) =>
    `${JSON.stringify({ question_id: id, category, turns })}\n`
  await writeFile(at('suite.jsonl'), line(1, 'qa', 'abab', 'and then?') + line(2, 'sql', 'cdcd'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const bench = (...args: string[]) => runBuilt(['bench', at('model'), '--suite', at('suite.jsonl'), ...args])
const small = ['--drafters', 'prompt-lookup', '--rounds', '2', '--max-tokens', '16', '--threads', '1']

describe('paceline bench', () => {
  test('writes the numbers of every drafter and task, and the same in words', async () => {
    const files = { json: at('out.json'), markdown: at('out.md'), html: at('out.html') }
    const outs = Object.entries(files).flatMap(([flag, file]) => [`--${flag}`, file])
    const { code, stdout } = await bench(...small, '--temperature', '0,1', ...outs)
    expect(code).toBe(0)
    const report = JSON.parse(await readFile(files.json, 'utf8'))
    expect(Object.keys(report).slice(0, 3)).toEqual(['machine', 'model', 'runs'])
    expect(report.runs.map((row: Record<string, unknown>) => [row.temperature, row.task, row.prompts])).toEqual(
      [0, 1].flatMap((temperature) => [
        [temperature, 'qa', 1],
        [temperature, 'sql', 1],
        [temperature, 'all', 2],
      ]),
    )
    for (const row of report.runs) {
      expect(Object.keys(row).slice(0, 16)).toEqual(
        (
          'drafter task dtype temperature prompts identical speedup speedupLow speedupHigh tau v D h ' +
          'tokensPerSecond plainTokensPerSecond acceptanceByPosition'
        ).split(' '),
      )
      expect(row).toMatchObject({ drafter: 'prompt-lookup', dtype: 'f32', identical: row.prompts, rounds: 2 })
      for (const name of ['speedup', 'tau', 'v', 'tokensPerSecond']) expect(row[name]).toBeGreaterThan(0)
      expect(row.speedupLow).toBeLessThanOrEqual(row.speedup)
      expect(row.speedupHigh).toBeGreaterThanOrEqual(row.speedup)
    }
    expect(report.model.dtypes[0]).toMatchObject({ dtype: 'f32', peakBytes: expect.any(Number) })
    expect(report.model.dtypes[0].peakBytes).toBeGreaterThan(report.model.dtypes[0].weightBytes)
    const note = 'Questions with several turns, of which only the first was asked: 1.'
    for (const text of [stdout, await readFile(files.markdown, 'utf8'), await readFile(files.html, 'utf8')])
      for (const part of ['prompt-lookup', '2/2', note]) expect(text).toContain(part)
    expect((await readdir(folder)).filter((name) => name.includes('partial'))).toEqual([])
  })

  test('interrupted, it writes what there is, and goes on to the end', async () => {
    const json = at('cut.json')
    const args = [...small, '--rounds', '150', '--max-tokens', '64', '--json', json]
    const lines = async () => (await readFile(`${json}.partial.jsonl`, 'utf8').catch(() => '')).split('\n').length - 1
    const cut = await runBuilt(['bench', at('model'), '--suite', at('suite.jsonl'), ...args], {
      async started(child) {
        while ((await lines()) < 3 && child.exitCode === null) await new Promise((go) => setTimeout(go, 2))
        child.kill('SIGINT')
      },
    })
    expect(cut.code).toBe(130)
    expect(cut.stderr).toMatch(/interrupted; go on with: paceline bench .+ --resume\n$/)
    expect(cut.stdout).toContain('was interrupted')
    const partial = JSON.parse(await readFile(json, 'utf8'))
    expect(partial).toMatchObject({ complete: false })
    expect(partial.runs.length).toBeGreaterThan(0)

    const again = await bench(...args)
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/--resume.+--force/) })
    const resumed = await bench(...args, '--resume')
    expect(resumed.code).toBe(0)
    const whole = JSON.parse(await readFile(json, 'utf8'))
    expect(whole).toMatchObject({ complete: true })
    expect(whole.runs.at(-1)).toMatchObject({ task: 'all', prompts: 2, identical: 2, rounds: 150 })
  })

  test('refuses what is wrong before a model is loaded', async () => {
    const wrong: [args: string[], code: number, message: RegExp][] = [
      [['--drafters', 'hydra'], 2, /there is no drafter "hydra"/],
      [['--temperature', '0,x'], 2, /--temperature/],
      [['--drafters', 'draft:oracle', '--rule', 'rejection', '--temperature', '1'], 2, /draft:oracle cannot know/],
      [['--suite', at('nowhere')], 1, /nowhere: cannot be read/],
      [['--html', at('no/where.html')], 1, /where\.html: cannot be written/],
      [['--resume', '--json', at('fresh.json')], 1, /nothing to resume/],
    ]
    for (const [args, code, message] of wrong) {
      // A folder that is no model: it would be refused next.
      const ended = await runBuilt(['bench', folder, '--suite', at('suite.jsonl'), ...args])
      expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
    }
  })
})
