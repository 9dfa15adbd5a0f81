import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type GenerationResult, writeRandomCheckpoint } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const { compare } = await import(new URL('./compare.mjs', import.meta.url).href)

let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-demo-'))
  await writeRandomCheckpoint(at('model'), 'llama-tiny', 1, {
    chatTemplate: '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}',
  })
  await mkdir(at('prompts'))
  for (const [category, text] of [
    ['count', 'one, two, one, two, one, two'],
    ['ask', 'What is it?\u001b[2J'],
  ])
    await writeFile(at(`prompts/${category}.jsonl`), `${JSON.stringify({ category, turns: [text] })}\n\n`)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function demo(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./demo.mjs', import.meta.url)), ...args])
    const ended = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (text) => {
        ended[stream] += text
      })
    child.on('close', (code) => resolve({ code, ...ended }))
  })
}

describe('the demo', () => {
  test('compares a text of each task, and all of them', async () => {
    const { code, stdout, stderr } = await demo(
      at('model'),
      ...['--prompts', at('prompts'), '--tokens', '24', '--pairs', '2'],
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.match(/^--- .* ---$/gm)).toEqual(['--- ask ---', '--- count ---'])
    expect(stdout).toContain('> one, two, one, two')
    expect(stdout.match(/^ {2}plain {6}\d+ tokens\/s$/gm)).toHaveLength(2)
    expect(stdout.match(/S = tau \/ \(D \+ v \+ h\) = \d/g)).toHaveLength(2)
    expect(stdout.match(/^ {2}tokens {5}24, the same$/gm)).toHaveLength(2)
    expect(stdout).toMatch(/^All together \d+\.\d\d times as fast; the same tokens everywhere\.$/m)
    expect(stdout).not.toContain('\u001b')
  })

  test('continues a text of your own', async () => {
    const { code, stdout } = await demo(at('model'), 'Hear me: ', '--tokens', '8', '--pairs', '1')
    expect(code).toBe(0)
    expect(stdout).toContain('--- your text ---\n> Hear me:\n')
  })

  test('a folder that is no model is an error', async () => {
    const { code, stderr } = await demo(at('prompts'))
    expect(code).toBe(1)
    expect(stderr).toContain('config.json')
  })
})

describe('a comparison', () => {
  /** Speeds of runs in the order in which they are asked for, and what they write. */
  function model(runs: readonly (readonly [speed: number, ids: number[]])[]) {
    const asked: string[] = []
    return {
      asked,
      generate(_: string, { drafter }: { drafter: string }) {
        const [tokensPerSecond, ids] = runs[asked.push(drafter) - 1]
        const stats = { tokensPerSecond, acceptanceLength: 2 }
        return { result: async () => ({ text: 'x', ids, stats }) as unknown as GenerationResult }
      },
    }
  }
  const ids = [1, 2]

  test('is of runs in turns, after one of each that does not count, and gives medians', async () => {
    const speeds = [1, 1, 100, 200, 110, 165, 90, 270]
    const fake = model(speeds.map((speed) => [speed, ids]))
    const result = await compare(fake, '', 'guess', { pairs: 3 })
    expect(fake.asked).toEqual(['none', 'guess', 'none', 'guess', 'none', 'guess', 'none', 'guess'])
    expect(result).toMatchObject({ plainSpeed: 100, draftedSpeed: 200, speedup: 2, range: [1.5, 3], same: true })
  })

  test.each([2, 3, 4, 5])('says so where run %i wrote other tokens', async (run) => {
    const fake = model(Array.from({ length: 6 }, (_, i) => [100, i === run ? [1, 3] : ids]))
    expect(await compare(fake, '', 'guess', { pairs: 2 })).toMatchObject({ same: false })
  })
})
