import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Census, groupOf, selectDocuments } from './documents.ts'
import { type Example, readExamples } from './examples.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-examples-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function file(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(folder, name), content)
  return join(folder, name)
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('reading', () => {
  test('conversations and plain text, tasks named or taken from the file, line ends made equal', async () => {
    const path = await file(
      'poems.jsonl',
      '\ufeff{"prompt":"a\\r\\nb","response":"c\\rd","id":7}\n\n{"text":"e\u2028f","task":"prose"}',
    )
    expect(await all(readExamples([path]))).toEqual([
      { task: 'poems', prompt: 'a\nb', response: 'c\nd' },
      { task: 'prose', text: 'e\u2028f' },
    ])
  })

  test('a response that was cut off, as its "finish" says', async () => {
    const row = { prompt: 'a', response: 'b' }
    const lines = [row, { ...row, finish: 'stop' }, { ...row, finish: 'length' }].map((line) => JSON.stringify(line))
    const path = await file('cut.jsonl', lines.join('\n'))
    const conversation = { task: 'cut', ...row }
    expect(await all(readExamples([path]))).toEqual([conversation, conversation, { ...conversation, unfinished: true }])
  })

  test.each([
    ['{"prompt": "a"}', 'line 2: "response" is missing'],
    ['{"prompt": 1, "response": "b"}', 'line 2: "prompt" is 1'],
    ['{"text": "a", "prompt": "b"}', 'line 2: "text" and another'],
    ['{"text": "a", "task": 3}', 'line 2: "task" is 3'],
    ['["a"]', 'line 2: not an object'],
    ['{"text": "a"', 'line 2: not valid JSON'],
    ['{"text": null}', 'line 2: "text" is null'],
  ])('%s is an error that names file and line', async (line, message) => {
    const path = await file('bad.jsonl', `{"text":"good"}\n${line}\n`)
    await expect(all(readExamples([path]))).rejects.toMatchObject({
      code: 'format',
      message: expect.stringContaining(`${path}, ${message}`),
    })
  })

  test('bytes that are no UTF-8 are an error', async () => {
    const path = await file('bytes.jsonl', Uint8Array.of(0x22, 0xff, 0x0a))
    await expect(all(readExamples([path]))).rejects.toMatchObject({ code: 'format', message: /not UTF-8/ })
  })

  test('a file that is not there is an error that names it', async () => {
    const error = { code: 'file', message: expect.stringContaining('nowhere.jsonl: cannot be read') }
    await expect(all(readExamples([join(folder, 'nowhere.jsonl')]))).rejects.toMatchObject(error)
  })
})

describe('selection', () => {
  const lines = (examples: readonly object[]) => examples.map((example) => `${JSON.stringify(example)}\n`).join('')
  const select = async (paths: string[], census?: Census, seed = 1) =>
    all(selectDocuments(paths, { validation: 0.3, seed, special: ['<|end|>'] }, census))

  test('what is empty, there twice or has a special token in it is dropped and counted', async () => {
    const path = await file(
      'mixed.jsonl',
      lines([
        { prompt: 'a\r\n', response: 'b' },
        { prompt: 'a\n', response: 'b' },
        { prompt: 'a\n', response: 'c' },
        { text: ' \n' },
        { prompt: 'x', response: '' },
        { text: 'x<|end|>' },
      ]),
    )
    const census = { read: 0, empty: 0, duplicate: 0, special: 0 }
    expect((await select([path], census)).map(({ example }) => example)).toEqual([
      { task: 'mixed', prompt: 'a\n', response: 'b' },
      { task: 'mixed', prompt: 'a\n', response: 'c' },
    ] satisfies Example[])
    expect(census).toEqual({ read: 6, empty: 2, duplicate: 1, special: 1 })
  })

  test('more files move no document to the other split, another seed does, and one prompt is on one side', async () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ prompt: `prompt ${i % 150}`, response: `response ${i}` }))
    const one = await file('one.jsonl', lines(many))
    const other = await file('other.jsonl', lines([{ text: 'before' }, ...many.slice(50, 60)]))
    const splits = async (paths: string[], seed?: number) =>
      new Map(
        (await select(paths, undefined, seed)).map(({ example, split }) => [
          JSON.stringify({ ...example, task: '' }),
          split,
        ]),
      )
    const alone = await splits([one])
    const validation = [...alone.values()].filter((split) => split === 'validation').length
    expect(validation).toBeGreaterThan(50)
    expect(validation).toBeLessThan(140)
    expect(await splits([other, one])).toEqual(new Map([...(await splits([other])), ...alone]))
    expect(await splits([one], 2)).not.toEqual(alone)
    const sides = new Set(Array.from(alone, ([example, split]) => `${JSON.parse(example).prompt} ${split}`))
    expect(sides.size).toBe(150)
  })

  test('questions about one passage are on one side when they are grouped, and otherwise are not', async () => {
    const asked = Array.from({ length: 300 }, (_, i) => ({
      prompt: `Question: is one\nof the passage ${i % 60}.\nQuestion: ${i}?`,
      response: 'yes',
    }))
    const path = await file('asked.jsonl', lines(asked))
    const sides = async (groupBefore: object) => {
      const chosen = await all(selectDocuments([path], { validation: 0.3, seed: 1, special: [], ...groupBefore }))
      expect(chosen).toHaveLength(300)
      expect(new Set(chosen.map(({ split }) => split)).size).toBe(2)
      const passage = (prompt: string) => prompt.replace(/\n.*$/, '')
      return new Set(chosen.map(({ example, split }) => `${passage((example as { prompt: string }).prompt)} ${split}`))
        .size
    }
    expect(await sides({ groupBefore: 'Question:' })).toBe(60)
    expect(await sides({})).toBeGreaterThan(90)
  })

  test.each([
    ['a passage\nof two lines\nQuestion: x', 'a passage\nof two lines'],
    ['a\nQuestion: x\nQuestion: y', 'a\nQuestion: x'],
    ['Question: x', 'Question: x'],
    ['\nQuestion: x', '\nQuestion: x'],
    ['a Question: x', 'a Question: x'],
  ])('the group of %j is %j', (prompt, group) => {
    expect(groupOf(prompt, 'Question:')).toBe(group)
    expect(groupOf(prompt, undefined)).toBe(prompt)
  })
})
