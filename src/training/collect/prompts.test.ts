import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { orderPrompts, readPrompts, type TrainingPrompt } from './prompts.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-prompts-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function file(name: string, ...lines: (object | string)[]): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''))
  return path
}

describe('prompts', () => {
  test('are read from both formats, in the order of files and lines', async () => {
    const rows = await file('sums.jsonl', { prompt: 'a\r\nb', response: 'kept out' }, '', {
      prompt: 'c',
      task: 'named',
    })
    const questions = await file('suite.jsonl', { question_id: 7, category: 'qa', turns: ['d', 'never asked'], x: 1 })
    const pool = await readPrompts([rows, questions])
    expect(pool.prompts).toEqual([
      { task: 'sums', text: 'a\nb', index: 0 },
      { task: 'named', text: 'c', index: 1 },
      { task: 'qa', text: 'd', index: 2 },
    ])
    expect(pool).toMatchObject({ empty: 0, duplicate: 0 })
  })

  test('that are empty or there twice are left out, and the others keep their places', async () => {
    const one = await file(
      'one.jsonl',
      { prompt: 'a' },
      { prompt: ' \n' },
      { prompt: 'a', task: 'other' },
      { prompt: 'b' },
    )
    const { prompts, empty, duplicate } = await readPrompts([one])
    expect(prompts.map(({ text, index }) => [text, index])).toEqual([
      ['a', 0],
      ['b', 3],
    ])
    expect({ empty, duplicate }).toEqual({ empty: 1, duplicate: 1 })
  })

  test('of other files, or of files in another order, are another pool', async () => {
    const [a, b] = [await file('a.jsonl', { prompt: 'a' }), await file('b.jsonl', { prompt: 'b' })]
    const before = await readPrompts([a, b])
    expect((await readPrompts([a, b])).files).toEqual(before.files)
    expect((await readPrompts([b, a])).files).not.toEqual(before.files)
    await file('b.jsonl', { prompt: 'c' })
    expect((await readPrompts([a, b])).files).not.toEqual(before.files)
  })

  test.each([
    ['{', 'line 2: not valid JSON'],
    ['["a"]', 'line 2: not an object'],
    ['{"text":"a"}', 'line 2: "prompt" is missing'],
    ['{"prompt":1}', 'line 2: "prompt" is 1'],
    ['{"prompt":"a","task":""}', 'line 2: "task" is ""'],
    ['{"question_id":1,"category":"qa","turns":[]}', 'line 2: "turns" is []'],
  ])('with the line %s are refused, naming file and line', async (bad, message) => {
    const path = await file('bad.jsonl', { prompt: 'good' }, bad)
    const error = { code: 'format', message: expect.stringContaining(`${path}, ${message}`) }
    await expect(readPrompts([path])).rejects.toMatchObject(error)
  })

  test('of no file, and no prompts, are refused', async () => {
    await expect(readPrompts([join(folder, 'nowhere')])).rejects.toMatchObject({ code: 'file' })
    await expect(readPrompts([await file('empty.jsonl', '')])).rejects.toMatchObject({ code: 'argument' })
  })
})

describe('the order', () => {
  const pool = (sizes: Readonly<Record<string, number>>): TrainingPrompt[] =>
    Object.entries(sizes)
      .flatMap(([task, size]) => Array.from({ length: size }, (_, i) => ({ task, text: `${task} ${i}` })))
      .map((prompt, index) => ({ ...prompt, index }))
  const prompts = pool({ many: 900, some: 90, few: 10 })
  const shares = (order: readonly TrainingPrompt[], count: number) => {
    const counts: Record<string, number> = {}
    for (const { task } of order.slice(0, count)) counts[task] = (counts[task] ?? 0) + 1
    return counts
  }

  test('holds every prompt once, follows from the seed, and is another one for another', () => {
    const order = orderPrompts(prompts, { seed: 1, taskMix: 0.5 })
    expect([...order].sort((a, b) => a.index - b.index)).toEqual(prompts)
    expect(orderPrompts(prompts, { seed: 1, taskMix: 0.5 })).toEqual(order)
    expect(orderPrompts(prompts, { seed: 2, taskMix: 0.5 })).not.toEqual(order)
    const many = order.filter(({ task }) => task === 'many').map(({ index }) => index)
    expect(many).not.toEqual([...many].sort((a, b) => a - b))
  })

  test('of every beginning has the mix that was asked for', () => {
    expect(shares(orderPrompts(prompts, { seed: 1, taskMix: 1 }), 100)).toEqual({ many: 90, some: 9, few: 1 })
    const even = orderPrompts(prompts, { seed: 1, taskMix: 0 })
    expect(shares(even, 12)).toEqual({ many: 4, some: 4, few: 4 })
    // A task that has run out leaves its share to the others.
    expect(shares(even, 110)).toEqual({ many: 50, some: 50, few: 10 })
  })
})
