import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DraftLogFile, loggedStep, readDraftLog } from './log.ts'
import { guessOf, tinyHeader, tinyTexts } from './tiny.ts'

let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-disco-log-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const texts = tinyTexts(3, (p) => p).map(({ prompt, steps }) => ({ prompt, steps: steps.map(loggedStep) }))

async function write(name: string) {
  const file = await DraftLogFile.create(at(name), tinyHeader)
  for (const text of texts) await file.append(text)
  await file.close()
}

test('what is read is what was written, to the last digit', async () => {
  await write('whole.jsonl')
  expect(await readDraftLog(at('whole.jsonl'))).toEqual({ header: tinyHeader, texts })
})

test('half a line at the end, which a kill leaves, is not read', async () => {
  await write('torn.jsonl')
  await appendFile(at('torn.jsonl'), '{"prompt":3,"steps":[{"acc')
  expect((await readDraftLog(at('torn.jsonl'))).texts).toEqual(texts)
})

test('a step is kept with six digits', () => {
  const { guesses } = loggedStep({ accepted: 0, guesses: [guessOf(1 / 3)] })
  expect(guesses[0].confidence).toEqual({ probability: 0.333333, entropy: 0.666667, top: [0.333333, 0.333333] })
})

test('a log that is there is not written over', async () => {
  await write('there.jsonl')
  const before = await readFile(at('there.jsonl'), 'utf8')
  await expect(DraftLogFile.create(at('there.jsonl'), tinyHeader)).rejects.toMatchObject({
    code: 'file',
    message: expect.stringMatching(/there\.jsonl: is there already\. Train from it with --from-log/),
  })
  expect(await readFile(at('there.jsonl'), 'utf8')).toBe(before)
})

describe('what is no log is refused with the line', () => {
  const head = JSON.stringify(tinyHeader)
  test.each([
    ['nothing', '', /line 1: is missing/],
    ['another file', '{"prompt":"x"}\n', /line 1: is not the header of a log/],
    ['fewer costs than guesses', `${JSON.stringify({ ...tinyHeader, maxGuesses: 9 })}\n`, /line 1: is not the header/],
    ['no JSON', `${head}\nx\n`, /line 2: not valid JSON/],
    ['more accepted than guessed', `${head}\n{"prompt":0,"steps":[{"accepted":2,"guesses":[[1,2,3]]}]}\n`, /line 2/],
    ['a guess without a distribution', `${head}\n{"prompt":0,"steps":[{"accepted":0,"guesses":[[1]]}]}\n`, /line 2/],
  ])('%s', async (_, content, message) => {
    await writeFile(at('bad.jsonl'), content)
    await expect(readDraftLog(at('bad.jsonl'))).rejects.toMatchObject({
      code: 'format',
      message: expect.stringMatching(message),
    })
  })

  test('no file', async () => {
    await expect(readDraftLog(at('none.jsonl'))).rejects.toMatchObject({ code: 'file' })
  })
})
