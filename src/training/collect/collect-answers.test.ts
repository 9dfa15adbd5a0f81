import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel, type Model } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeTinyFolder } from '../../engine/tiny.ts'
import { type CollectAnswersOptions, collectAnswers } from './collect-answers.ts'
import { type PromptPool, readPrompts } from './prompts.ts'
import { requireCollectable, sidecarOf } from './record-file.ts'
import { identifyTarget, type TargetIdentity } from './target-identity.ts'

let folder = ''
const at = (name: string) => join(folder, name)
let model: Model
let target: TargetIdentity
let pool: PromptPool
/** What a run that nobody interrupted wrote. */
let whole: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-collect-'))
  const chatTemplate = '{% for message in messages %}[{{ message.role }}]{{ message.content }}{% endfor %}:'
  await writeTinyFolder(at('model'), { writes: /[a-p ]/, eos: 'e', chatTemplate })
  model = await loadModel(at('model'), { threads: 1 })
  target = await identifyTarget(at('model'))
  const lines = Array.from({ length: 24 }, (_, i) => ({ prompt: `Tell me of ${i}.`, task: i % 3 ? 'tales' : 'facts' }))
  // No answer: it leaves no room in the context.
  lines.splice(4, 0, { prompt: 'long '.repeat(1000), task: 'tales' })
  await writeFile(at('prompts.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  pool = await readPrompts([at('prompts.jsonl')])
  await run('whole.jsonl')
  whole = await readFile(at('whole.jsonl'), 'utf8')
})
afterAll(async () => {
  await model.dispose()
  await rm(folder, { recursive: true, force: true })
})

type Changes = Partial<CollectAnswersOptions>

async function run(name: string, changes: Changes = {}) {
  const request = { maxTokens: 12, temperature: 1, topK: 0, topP: 1 }
  const options = { model, target, pool, path: at(name), resume: false, taskMix: 0, seed: 3, request, drafter: 'none' }
  return collectAnswers({ ...options, ...changes })
}

/** Raises a signal after `answers` answers. */
async function interrupted(name: string, answers: number, changes: Changes = {}) {
  const controller = new AbortController()
  let made = 0
  const asked = () => {
    if (++made === answers) controller.abort()
  }
  return run(name, { ...changes, signal: controller.signal, reporter: { asked } })
}

const rowsOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('a collection', () => {
  test('holds an answer to each prompt that fits, with how it ended, and counts them', async () => {
    const { tally, bytes, complete } = await run('again.jsonl')
    expect(complete).toBe(true)
    expect(await readFile(at('again.jsonl'), 'utf8')).toBe(whole)
    expect(bytes).toBe(Buffer.byteLength(whole))
    const rows = rowsOf(whole)
    expect(Object.keys(rows[0])).toEqual(['task', 'prompt', 'response', 'finish', 'tokens'])
    expect(new Set(rows.map(({ prompt }) => prompt)).size).toBe(24)
    for (const { response, finish, tokens } of rows) {
      expect(finish).toBe(response.endsWith('e') ? 'stop' : 'length')
      expect(tokens).toBeLessThanOrEqual(12)
    }
    const ended = rows.filter(({ finish }) => finish === 'stop').length
    expect(ended).toBeGreaterThan(0)
    expect(ended).toBeLessThan(24)
    const tokens = rows.reduce((sum, row) => sum + row.tokens, 0)
    expect(tally.all).toEqual({ answers: 24, tokens, ended })
    expect(tally.byTask).toMatchObject({ facts: { answers: 8 }, tales: { answers: 16 } })
    const { counts } = JSON.parse(await readFile(sidecarOf(at('again.jsonl')), 'utf8'))
    expect(counts).toMatchObject(tally.all)
  })

  test('has the answers of the target, sampled with the seed of each prompt, as turns of a user', async () => {
    for (const row of rowsOf(whole).slice(0, 3)) {
      const { index } = pool.prompts.find(({ text }) => text === row.prompt)!
      const asked = `[user]${row.prompt}:`
      const { text } = await model.generate(asked, { seed: 3 + index, temperature: 1, maxTokens: 12 }).result()
      expect(row.response).toBe(text)
    }
  })

  test('has the same answers with a drafter, in another mix, and of fewer prompts', async () => {
    await run('drafted.jsonl', { drafter: 'prompt-lookup' })
    expect(await readFile(at('drafted.jsonl'), 'utf8')).toBe(whole)
    await run('some.jsonl', { count: 5 })
    expect(whole.startsWith(await readFile(at('some.jsonl'), 'utf8'))).toBe(true)
    await run('mixed.jsonl', { taskMix: 1 })
    const sorted = (text: string) => text.split('\n').sort()
    const mixed = await readFile(at('mixed.jsonl'), 'utf8')
    expect(mixed).not.toBe(whole)
    expect(sorted(mixed)).toEqual(sorted(whole))
  })

  test('of plain text continues the prompt', async () => {
    await run('raw.jsonl', { target: { ...target, chatFormat: null }, count: 1 })
    const [{ prompt, response }] = rowsOf(await readFile(at('raw.jsonl'), 'utf8'))
    const { index } = pool.prompts.find(({ text }) => text === prompt)!
    const { text } = await model.generate(prompt, { seed: 3 + index, temperature: 1, maxTokens: 12 }).result()
    expect(response).toBe(text)
  })
})

describe('a collection that was interrupted', () => {
  test('goes on where it was, time and again, to the same bytes', async () => {
    expect((await interrupted('cut.jsonl', 6)).complete).toBe(false)
    expect(rowsOf(await readFile(at('cut.jsonl'), 'utf8'))).toHaveLength(6)
    for (let i = 0; i < 3; i++) await interrupted('cut.jsonl', 5, { resume: true })
    const { complete, tally } = await run('cut.jsonl', { resume: true })
    expect(complete).toBe(true)
    expect(tally.all.answers).toBe(24)
    expect(await readFile(at('cut.jsonl'), 'utf8')).toBe(whole)
    expect((await run('cut.jsonl', { resume: true })).complete).toBe(true)
    expect(await readFile(at('cut.jsonl'), 'utf8')).toBe(whole)
  })

  test.each([
    ['the beginning of a line', '{"task":"tales","prompt":"Te'],
    ['half a character', Buffer.from('{"task":"é').subarray(0, 10)],
    ['more than a block of nothing', Buffer.alloc(100_000)],
  ])('within a line, leaving %s, loses that line alone', async (_, torn) => {
    await interrupted('torn.jsonl', 6)
    await appendFile(at('torn.jsonl'), torn)
    await run('torn.jsonl', { resume: true })
    expect(await readFile(at('torn.jsonl'), 'utf8')).toBe(whole)
  })

  test('before its first line, or within it, begins', async () => {
    await interrupted('first.jsonl', 1)
    for (const left of ['', whole.slice(0, 20)]) {
      await writeFile(at('first.jsonl'), left)
      await run('first.jsonl', { resume: true })
      expect(await readFile(at('first.jsonl'), 'utf8')).toBe(whole)
    }
  })

  test('goes on to more prompts than it was begun with', async () => {
    await run('grown.jsonl', { count: 5 })
    await run('grown.jsonl', { resume: true })
    expect(await readFile(at('grown.jsonl'), 'utf8')).toBe(whole)
  })

  test('refuses another target, other options and other prompts, naming the field, and keeps the file', async () => {
    await interrupted('kept.jsonl', 6)
    const kept = await readFile(at('kept.jsonl'), 'utf8')
    const request = { maxTokens: 12, temperature: 1, topK: 0, topP: 1 }
    const files = { '1': { ...(pool.files[1] as object), sha256: 'other' } }
    const others: [Changes, string][] = [
      [{ seed: 4 }, 'seed was 3 when this collection began and is 4 now'],
      [{ taskMix: 1 }, 'taskMix was 0'],
      [{ request: { ...request, temperature: 0.5 } }, 'temperature was 1'],
      [{ request: { ...request, maxTokens: 13 } }, 'maxTokens was 12'],
      [{ target: { ...target, weights: 'sha256:other' } }, 'target.weights was "sha256:'],
      [{ model: { generate: model.generate, info: { ...model.info, dtype: 'int8' } } }, 'dtype was "f32"'],
      [{ pool: { ...pool, files } }, 'prompts.1.sha256 was "'],
    ]
    for (const [changes, message] of others) {
      const refused = { code: 'argument', message: expect.stringContaining(`kept.collect.json: ${message}`) }
      await expect(run('kept.jsonl', { ...changes, resume: true })).rejects.toMatchObject(refused)
    }
    expect(await readFile(at('kept.jsonl'), 'utf8')).toBe(kept)
  })

  test('refuses lines that it did not write, naming the line', async () => {
    await interrupted('changed.jsonl', 3)
    const [first, second, third] = (await readFile(at('changed.jsonl'), 'utf8')).split('\n')
    for (const [lines, message] of [
      [[first, '{}', third], 'line 2: "task" is not text'],
      [[first, second.replace('Tell', 'Told'), third], 'line 2: not the answer to a prompt that follows'],
      [[second, first, third], 'line 2: not the answer to a prompt that follows'],
      [[first, second, '{'], 'line 3: not valid JSON'],
    ] as const) {
      await writeFile(at('changed.jsonl'), lines.map((line) => `${line}\n`).join(''))
      const refused = { code: 'format', message: expect.stringContaining(`changed.jsonl, ${message}`) }
      await expect(run('changed.jsonl', { resume: true })).rejects.toMatchObject(refused)
    }
  })
})

test('where a file may be begun, replaced or resumed is known before anything is asked', async () => {
  const allowed = (name: string, mode: 'new' | 'replace' | 'resume') => requireCollectable(at(name), mode)
  await allowed('nowhere.jsonl', 'new')
  await allowed('whole.jsonl', 'replace')
  await allowed('whole.jsonl', 'resume')
  await expect(allowed('whole.jsonl', 'new')).rejects.toThrow('--resume')
  await expect(allowed('model', 'replace')).rejects.toThrow('not a file')
  await expect(allowed('nowhere.jsonl', 'resume')).rejects.toThrow('nothing to resume')
  await writeFile(at('strange.collect.json'), '{"format":9}')
  await expect(allowed('strange.jsonl', 'resume')).rejects.toMatchObject({ code: 'format' })
})

test('a target is told apart by weights, configuration, tokenizer and chat template', async () => {
  expect(await identifyTarget(at('model'))).toEqual(target)
  expect(target.chatFormat).toBe('[user]{prompt}:')
  const other = await writeTinyFolder(at('other'), { writes: /[a-q ]/ })
  const { chatFormat, weights, config, tokenizer } = await identifyTarget(other)
  expect(chatFormat).toBeNull()
  expect(weights).not.toBe(target.weights)
  // The end token is another one.
  expect(config).not.toBe(target.config)
  expect(tokenizer).toBe(target.tokenizer)
})
