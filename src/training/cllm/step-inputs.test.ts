import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type TokenBatch, TokenBatches } from '../data/index.ts'
import { readTrajectories, type TrajectorySplit } from './dataset.ts'
import { type ConsistencyInputOptions, consistencyInputs } from './step-inputs.ts'
import { tinyAnswers, tinyTrajectories } from './tiny.ts'

const vocabSize = 50
const answers = tinyAnswers(vocabSize)
const shape = { sequences: 2, length: 40 }
const options = { block: 5, iterates: 6, augment: 0, place: { seed: 3, at: [0, 0] as const } }

async function some(changes: Partial<ConsistencyInputOptions> = {}) {
  const dataset = await tinyTrajectories(vocabSize)
  const batch = new TokenBatches(dataset, { ...shape, seed: 2 }).next()
  const split = dataset.split('train')
  return { batch, split, ...read(batch, split, { ...options, ...changes }) }
}

/** Branches as lists of student numbers, and what they stand for. */
function read(batch: TokenBatch, split: TrajectorySplit, given: ConsistencyInputOptions) {
  const { inputs, layout, tokens } = consistencyInputs(batch, split, given)
  const ids = (name: string) => inputs[name].data as Int32Array
  const counts = inputs['student weights'].data as Float32Array
  const branches: number[][] = []
  for (const [student, before] of ids('before').entries()) {
    if (counts[student] === 0) continue
    if (before === student) branches.push([student])
    else branches[branches.length - 1].push(student)
  }
  /** Rows on the path to a row, first row first. */
  const path = (row: number): number[] => (row < 0 ? [] : [...path(layout.parents[row]), row])
  /** The iterate that a branch is, its whole block: index of answer and block, and tokens but the last. */
  const iterateOf = (branch: readonly number[]) => {
    const rows = path(ids('students')[branch[branch.length - 1]])
    const text = rows.map((row) => ids('tokens')[row])
    const first = text.length - rows.filter((row) => row % layout.length >= batch.length).length
    for (const [answer, { promptIds, blocks }] of answers.entries()) {
      let at = promptIds.length
      if (!promptIds.every((id, i) => text[i] === id)) continue
      for (const { tokens, iterates } of blocks) {
        if (first >= at && first < at + tokens.length) return { answer, tokens, iterates, found: text.slice(at) }
        at += tokens.length
      }
    }
    throw new Error('a branch of no answer')
  }
  return { inputs, layout, tokens, ids, counts, branches, path, iterateOf }
}

describe('behind the text of a sequence', () => {
  test('stand iterates of its blocks, each from its first wrong token on to the last but one', async () => {
    const { branches, iterateOf, tokens, layout } = await some()
    expect(tokens).toBe(80)
    expect(layout).toMatchObject({ sequences: 2, length: 40 + 6 * 4 })
    expect(branches.length).toBeGreaterThan(12)
    const lengths = new Set<number>()
    for (const branch of branches) {
      const { tokens, iterates, found } = iterateOf(branch)
      const whole = iterates.map((tail) => [...tokens.slice(0, tokens.length - tail.length), ...tail])
      expect(whole.map((iterate) => iterate.slice(0, -1))).toContainEqual(found)
      lengths.add(branch.length)
    }
    expect([...lengths].sort()).toEqual([1, 2, 3, 4])
  })

  test('each of their rows is taught by the row of the text at its position, what the text has next', async () => {
    const { batch, ids, layout, branches, iterateOf } = await some()
    for (const branch of branches) {
      const { tokens } = iterateOf(branch)
      for (const [i, student] of branch.entries()) {
        const [row, teacher] = [ids('students')[student], ids('teachers')[student]]
        expect(ids('positions')[teacher]).toBe(ids('positions')[row])
        expect(teacher % layout.length).toBeLessThan(batch.length)
        expect(Math.floor(teacher / layout.length)).toBe(Math.floor(row / layout.length))
        const inText = Math.floor(teacher / layout.length) * batch.length + (teacher % layout.length)
        expect(ids('labels')[student]).toBe(batch.targets[inText])
        expect(ids('labels')[student]).toBe(tokens[tokens.length - branch.length + i])
        expect(ids('tokens')[teacher]).toBe(tokens[tokens.length - branch.length + i - 1])
      }
    }
  })

  test('the text is as it was', async () => {
    const { batch, ids, layout, inputs } = await some()
    for (const [i, row] of ids('text').entries()) {
      expect(ids('tokens')[row]).toBe(batch.tokens[i])
      expect(ids('positions')[row]).toBe(batch.positions[i])
      const parent = layout.parents[row]
      expect(parent < 0 ? -1 : ids('text').indexOf(parent)).toBe(batch.parents[i])
    }
    expect(inputs.weights.data).toEqual(batch.weights)
  })

  test('iterates count together what the text counts, rows alike and branches alike', async () => {
    const { batch, inputs, branches, counts } = await some()
    const sum = (data: Iterable<number>) => [...data].reduce((a, b) => a + b, 0)
    expect(sum(counts)).toBeCloseTo(sum(batch.weights), 3)
    const ofBranches = inputs['branch weights'].data as Float32Array
    expect(sum(branches.map(([first]) => ofBranches[first]))).toBeCloseTo(sum(batch.weights), 3)
    expect(new Set(counts.filter((count) => count > 0)).size).toBe(1)
  })

  test('which they are follows from seed and place', async () => {
    const [first, again, seed, place] = await Promise.all([
      some(),
      some(),
      some({ place: { seed: 4, at: [0, 0] } }),
      some({ place: { seed: 3, at: [0, 2] } }),
    ])
    expect(again.inputs).toEqual(first.inputs)
    expect(seed.inputs.tokens).not.toEqual(first.inputs.tokens)
    expect(place.inputs.tokens).not.toEqual(first.inputs.tokens)
  })

  test('augmented, up to half of what is wrong behind the first wrong token is right', async () => {
    // Room for all there are, so that both have the same ones.
    const room = { iterates: 40 }
    const [plain, augmented] = [await some(room), await some({ ...room, augment: 1 })]
    expect(augmented.branches).toEqual(plain.branches)
    let corrected = 0
    for (const branch of plain.branches) {
      const rows = branch.map((student) => plain.ids('students')[student])
      const [before, after] = [plain, augmented].map(({ ids }) => rows.map((row) => ids('tokens')[row]))
      const { tokens } = plain.iterateOf(branch)
      const right = tokens.slice(tokens.length - rows.length - 1)
      expect(after[0]).toBe(before[0])
      const changed = [...rows.keys()].filter((i) => after[i] !== before[i])
      for (const i of changed) expect(after[i]).toBe(right[i])
      expect(changed.length).toBeLessThanOrEqual((rows.length + 1) >> 1)
      corrected += changed.length
    }
    expect(corrected).toBeGreaterThan(10)
  })

  test('a block that the sequence has only a part of has no iterates there', async () => {
    const dataset = await tinyTrajectories(vocabSize)
    const split = dataset.split('train')
    const short = { sequences: 2, length: 8 }
    const batch = new TokenBatches(dataset, { ...short, seed: 2 }).next()
    const { ids, branches } = read(batch, split, options)
    for (const branch of branches)
      for (const student of branch) {
        const teacher = ids('teachers')[student]
        expect(ids('positions')[teacher]).toBe(ids('positions')[ids('students')[student]])
      }
    expect(branches.length).toBeLessThan(10)
  })
})

describe('trajectories as a dataset', () => {
  test('are divided by prompt, and counted', async () => {
    const dataset = await tinyTrajectories(vocabSize, { validation: 0.4 })
    const [train, validation] = [dataset.split('train'), dataset.split('validation')]
    expect(train.documentCount + validation.documentCount).toBe(12)
    expect(validation.documentCount).toBeGreaterThan(0)
    expect(dataset.info.tasks).toEqual(['even', 'odd'])
    const count = (of: 'tokens' | 'responseTokens' | 'documents' | 'responseBytes') =>
      dataset.total('train')[of] + dataset.total('validation')[of]
    expect(count('tokens')).toBe(train.tokens.length + validation.tokens.length)
    expect(count('responseTokens')).toBe(answers.reduce((sum, { tokens }) => sum + tokens, 0))
    expect(count('responseBytes')).toBe(answers.reduce((sum, { response }) => sum + response.length, 0))
    for (const split of [train, validation])
      for (let document = 0; document < split.documentCount; document++) {
        const tokens = [...split.tokens.slice(split.starts[document], split.starts[document + 1])]
        const answer = answers.find(({ promptIds }) => promptIds.every((id, i) => tokens[i] === id))!
        expect(tokens).toEqual([...answer.promptIds, ...answer.blocks.flatMap((block) => block.tokens)])
        expect(split.responseStarts[document]).toBe(split.starts[document] + answer.promptIds.length)
      }
  })

  test('of other tokens, blocks or tokenizers are refused by name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'paceline-trajectories-'))
    const tokenizer = { fingerprint: 'sha256:1', vocabSize }
    const read = async (content: unknown[], sidecar?: unknown) => {
      const file = join(folder, 'a.jsonl')
      await writeFile(file, content.map((line) => `${JSON.stringify(line)}\n`).join(''))
      if (sidecar) await writeFile(join(folder, 'a.collect.json'), JSON.stringify(sidecar))
      return readTrajectories([file], { tokenizer, validation: 0, seed: 1 })
    }
    await expect(read([answers[0], { ...answers[1], promptIds: [50] }])).rejects.toThrow(
      'a.jsonl, line 2: token 50 is not below the 50 of the model',
    )
    await expect(read([answers[0], { ...answers[1], block: 6, blocks: [], tokens: 0 }])).rejects.toThrow(
      'a.jsonl, line 2: blocks have 6 tokens, those before 5',
    )
    await expect(read([])).rejects.toThrow('There are no trajectories in')
    await expect(read([{ task: 'a' }])).rejects.toMatchObject({ code: 'format' })
    await expect(read([answers[0]], { identity: { target: { tokenizer: 'sha256:2' } } })).rejects.toThrow(
      'collected with the tokenizer sha256:2, the model has sha256:1',
    )
    expect((await read([answers[0]], { identity: { target: { tokenizer: 'sha256:1' } } })).block).toBe(5)
    await rm(folder, { recursive: true })
  })
})
