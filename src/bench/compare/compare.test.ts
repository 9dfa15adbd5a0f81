import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Checkpoint, openCheckpoint } from '../../checkpoint/index.ts'
import { writeTinyFolder } from '../../engine/tiny.ts'
import { chooseExecutor } from '../../runtime/index.ts'
import { type CompareOptions, compare } from './compare.ts'
import { readContestants } from './contestants.ts'
import { openPartial, partialOf, requirePartial } from './partial.ts'
import { type BenchRecord, keyOf } from './records.ts'

let folder = ''
let checkpoint: Checkpoint
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-compare-'))
  checkpoint = await openCheckpoint(await writeTinyFolder(join(folder, 'model'), { writes: /[a-d ]/ }))
})
afterAll(async () => {
  await checkpoint.close()
  await rm(folder, { recursive: true, force: true })
})

const optionsOf = (fields: Partial<CompareOptions> = {}): CompareOptions => ({
  checkpoint,
  executor: chooseExecutor({ threads: 1 }).executor,
  contestants: readContestants(['prompt-lookup', `draft:constant-2=${checkpoint.folder}`]),
  dtypes: ['f32'],
  temperatures: [0, 1],
  prompts: ['abab', 'cdd c', 'ba'].map((text, i) => ({ task: `task ${i % 2}`, ids: checkpoint.text.encode(text) })),
  rounds: 2,
  maxTokens: 12,
  seed: 3,
  rule: 'target-draw',
  sharedNoise: true,
  strict: 0,
  ...fields,
})
const played = (records: readonly BenchRecord[]) => records.filter((record) => record.kind === 'prompt')

describe('a comparison', () => {
  test('writes every prompt in every round, plainly and with every drafter, to the same tokens', async () => {
    const { records, complete } = await compare(optionsOf())
    expect(complete).toBe(true)
    const prompts = played(records)
    expect(new Set(prompts.map(keyOf)).size).toBe(2 * 2 * 3)
    expect(prompts.filter(({ plain }) => plain.tokens === 12).length).toBeGreaterThan(5)
    for (const { plain, drafted } of prompts) {
      const { tokens } = plain
      expect(plain).toMatchObject({ forwards: tokens, rows: tokens, guessed: [] })
      expect(drafted.map(({ drafter, run, identical }) => [drafter, run.tokens, identical])).toEqual([
        ['prompt-lookup', tokens, true],
        [`draft:constant-2=${checkpoint.folder}`, tokens, true],
      ])
      // The target drafts for itself, with its own noise: every guess is right.
      expect(drafted[1].run.forwards).toBe(Math.ceil(tokens / 3))
    }
    expect(records.at(-1)).toMatchObject({ kind: 'dtype', dtype: 'f32', weightBytes: expect.any(Number) })
  })

  test('with the oracle drafts until the first wrong guess', async () => {
    const contestants = readContestants([`draft:oracle=${checkpoint.folder}`])
    const { records } = await compare(optionsOf({ contestants, rounds: 1, temperatures: [1] }))
    for (const { drafted } of played(records))
      expect(drafted[0]).toMatchObject({ identical: true, run: { forwards: 1 } })
  })

  test('leaves out what was not asked for by name and is not there, and says so', async () => {
    const contestants = readContestants(['all']).filter(({ name }) => /^(none|draft:constant)$/.test(name))
    const fields = { contestants, rounds: 1, temperatures: [0], maxTokens: 4 }
    const { records, leftOut } = await compare(optionsOf(fields))
    expect(played(records)[0].drafted.map(({ drafter }) => drafter)).toEqual(['none'])
    expect([...leftOut.keys()]).toEqual(['draft:constant'])
    const named = optionsOf({ ...fields, contestants: readContestants(['draft:constant']) })
    await expect(compare(named)).rejects.toMatchObject({ code: 'file' })
  })
})

describe('what an interrupted comparison has made', () => {
  const identity = { seed: 3 }

  test('is kept, and not made again by one that goes on', async () => {
    const path = join(folder, 'cut.json')
    const controller = new AbortController()
    const first = await openPartial(path, identity, false)
    let appended = 0
    const sink = {
      append: async (record: BenchRecord) => {
        await first.append(record)
        if (++appended === 5) controller.abort()
      },
    }
    const cut = await compare(optionsOf({ sink, signal: controller.signal }))
    expect(cut.complete).toBe(false)
    expect(played(cut.records)).toHaveLength(5)
    await first.finish(cut.complete)
    // What a kill in the middle of a write leaves.
    await appendFile(partialOf(path), '{"kind":"prompt","dty')

    const again = await openPartial(path, identity, true)
    expect(again.known).toEqual(played(cut.records))
    const seen: number[] = []
    const whole = await compare(
      optionsOf({ sink: again, known: again.known, onProgress: ({ total }) => seen.push(total) }),
    )
    expect(whole.complete).toBe(true)
    expect(new Set(seen)).toEqual(new Set([7]))
    expect(played(whole.records).slice(0, 5)).toEqual(again.known)
    expect(new Set(played(whole.records).map(keyOf)).size).toBe(12)
    expect((await readFile(partialOf(path), 'utf8')).trimEnd().split('\n')).toHaveLength(13)
    await again.finish(whole.complete)
    await expect(readFile(partialOf(path))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('stays with its options, and is neither overwritten nor mistaken for something else', async () => {
    const path = join(folder, 'kept.json')
    await requirePartial(path, 'new')
    await expect(requirePartial(path, 'resume')).rejects.toMatchObject({ code: 'file' })
    const partial = await openPartial(path, identity, false)
    await partial.append({ kind: 'prompt' } as BenchRecord)
    await partial.finish(false)
    await expect(requirePartial(path, 'new')).rejects.toThrow(/--resume.+--force/)
    await expect(openPartial(path, { seed: 4 }, true)).rejects.toThrow('seed was 3')
    await appendFile(partialOf(path), '{"task":"qa"}\n')
    await expect(openPartial(path, identity, true)).rejects.toMatchObject({ code: 'format' })
  })
})
