import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSuite } from './suite.ts'

const prompts = fileURLToPath(new URL('../../bench/prompts', import.meta.url))
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-suite-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function file(name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content)
  return join(folder, name)
}

describe('the prompts of this project', () => {
  test('are at least twelve of each of six tasks, each another one', async () => {
    const questions = await readSuite(prompts)
    const counts = new Map<string, number>()
    for (const { category } of questions) counts.set(category, (counts.get(category) ?? 0) + 1)
    expect([...counts.keys()].sort()).toEqual(['code', 'math', 'play', 'qa', 'sql', 'summary'])
    for (const count of counts.values()) expect(count).toBeGreaterThanOrEqual(12)
    expect(new Set(questions.map(({ turns }) => turns[0])).size).toBe(questions.length)
  })

  test.each([
    ['sql', /^Table data\([a-z_]+(, [a-z_]+)*\)\nQuestion: [^\n]+$/],
    ['qa', /^[^\n]+\nQuestion: [^\n]+\?$/],
    ['math', /^[^\n]+\?$/],
    ['code', /^(Write a (python )?function to [^\n]+\.|def \w+\([^\n]*\):(\n {4}# [^\n]+)*)$/],
    ['summary', /^def \w+\([^\n]*\):\n {4}[^\n]+(\n[^\n]*)*$/],
    ['play', /^([A-Z ]+:\n([^\n]+\n)*[^\n]+(\n\n|$)){2,}$/],
  ])('of %s are in the format that the task is trained in', async (category, format) => {
    for (const question of await readSuite(join(prompts, `${category}.jsonl`))) {
      expect(question.category).toBe(category)
      expect(question.turns).toEqual([expect.stringMatching(format)])
    }
  })
})

describe('a suite', () => {
  const line = (id: number) => `{"question_id":${id},"category":"a","turns":["b","c"],"reference":[]}`

  test('of several turns and with other fields is read, files of a folder by name', async () => {
    await mkdir(join(folder, 'suite'))
    await file('suite/2.jsonl', `${line(1)}\n`)
    await file('suite/1.jsonl', `\n${line(2)}\r\n`)
    await file('suite/notes.txt', 'none')
    const question = { category: 'a', turns: ['b', 'c'] }
    expect(await readSuite(join(folder, 'suite'))).toEqual([
      { id: 2, ...question },
      { id: 1, ...question },
    ])
  })

  test.each([
    ['{"question_id":"1","category":"a","turns":["b"]}', 'line 2: "question_id" is "1"'],
    ['{"question_id":1,"turns":["b"]}', 'line 2: "category" is missing'],
    ['{"question_id":1,"category":"a","turns":[]}', 'line 2: "turns" is []'],
    ['{"question_id":1,"category":"a","turns":"b"}', 'line 2: "turns" is "b"'],
    ['[]', 'line 2: not an object'],
    ['{', 'line 2: not valid JSON'],
    [line(7), 'line 2: question_id 7 is that of'],
  ])('with the line %s is refused, naming file and line', async (bad, message) => {
    const path = await file('bad.jsonl', `${line(7)}\n${bad}\n`)
    const error = { code: 'format', message: expect.stringContaining(`${path}, ${message}`) }
    await expect(readSuite(path)).rejects.toMatchObject(error)
  })

  test('that is not there or empty is refused', async () => {
    await expect(readSuite(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'file' })
    await expect(readSuite(await file('empty.jsonl', '\n'))).rejects.toThrow('there are no questions')
  })
})
