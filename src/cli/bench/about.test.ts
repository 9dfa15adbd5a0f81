import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { notesOf, tuningOf } from './about.ts'

test('of a model that was tuned for speed a report says so, first of all', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'paceline-about-'))
  try {
    expect(await tuningOf(folder)).toBeUndefined()
    const say = (content: object) => writeFile(join(folder, 'paceline.json'), JSON.stringify(content))
    await say({ method: 'lm' })
    expect(await tuningOf(folder)).toBeUndefined()
    await say({ method: 'cllm', data: { init: { folder: 'models/demo' } } })
    const tuning = await tuningOf(folder)
    expect(tuning).toMatch(/^Decode-lossless, model tuned: .*\(models\/demo\)/)
    const notes = notesOf({ prompts: [], cutToFirstTurn: 2, tooLong: 0 }, new Map(), tuning)
    expect(notes).toEqual([tuning, expect.stringContaining('several turns')])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
