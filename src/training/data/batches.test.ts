import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { measureBaselines, wittenBell } from './baselines.ts'
import { type TokenBatch, TokenBatches } from './batches.ts'
import { PackedDataset, type PackedSplit } from './dataset.ts'
import type { SplitName } from './documents.ts'
import { temperatureRates } from './order.ts'
import { packDataset } from './pack.ts'

let folder = ''
let dataset: PackedDataset

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-batches-'))
  const lines: object[] = []
  // Each document says a number of its own, so that it is known again.
  for (let i = 0; i < 300; i++)
    lines.push({
      task: 'count',
      prompt: `[${i}] count to ${i % 9}`,
      response: '1 2 3 4 5 6 7 8'.slice(0, 2 * (i % 9) - 1) || '-',
    })
  for (let i = 300; i < 340; i++)
    lines.push({ task: 'tell', text: `[${i}] ${'once upon a time '.repeat((i % 5) * 3 + 1)}` })
  lines.push({ task: 'tell', prompt: `[340] ${'long '.repeat(90)}`, response: 'It is.' })
  await writeFile(join(folder, 'lines.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const options = { files: [join(folder, 'lines.jsonl')], folder: join(folder, 'data'), vocabulary: 300 }
  await packDataset({ ...options, validation: 0.2, promptWeight: 0.4 })
  dataset = await PackedDataset.open(options.folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const shape = { sequences: 3, length: 48 }

function take(stream: TokenBatches, count: number): TokenBatch[] {
  return Array.from({ length: count }, () => stream.next())
}

/** The chains of rows that hang together, padding left out. */
function chains(batch: TokenBatch): { rows: number[]; tokens: number[] }[] {
  const found: { rows: number[]; tokens: number[] }[] = []
  for (let row = 0; row < batch.sequences * batch.length; row++) {
    if (batch.parents[row] < 0) found.push({ rows: [], tokens: [] })
    const chain = found[found.length - 1]
    chain.rows.push(row)
    chain.tokens.push(batch.tokens[row])
  }
  return found.filter(({ rows }) => rows.length > 1)
}

/** Where each chain of a batch comes from: a document and its first token there. */
function origins(name: SplitName, batches: Iterable<TokenBatch>) {
  const split = dataset.split(name)
  const pieces = new Map<string, { document: number; from: number }>()
  for (let document = 0; document < split.documentCount; document++)
    for (let from = split.starts[document]; from < split.starts[document + 1]; from += shape.length) {
      const end = Math.min(from + shape.length, split.starts[document + 1])
      pieces.set(split.tokens.subarray(from, end).join(), { document, from })
    }
  return [...batches].flatMap((batch) =>
    chains(batch).map((chain) => ({ batch, ...chain, ...pieces.get(chain.tokens.join())! })),
  )
}

/** How often each document begins in one epoch. */
function epochCounts(stream: TokenBatches): number[] {
  const counts = new Array(dataset.split('train').documentCount).fill(0)
  const epoch = stream.state.epoch
  const batches: TokenBatch[] = []
  while (stream.state.epoch === epoch && stream.state.index < stream.sequencesInEpoch) batches.push(stream.next())
  for (const { document, from } of origins('train', batches))
    if (from === dataset.split('train').starts[document]) counts[document]++
  return counts
}

describe('a batch', () => {
  test('is made of documents whose rows see their own document alone, each row predicting its next token', () => {
    const split = dataset.split('train')
    const found = origins('train', take(new TokenBatches(dataset, { ...shape, seed: 1 }), 30))
    expect(found.length).toBeGreaterThan(100)
    for (const { batch, rows, document, from } of found)
      for (const [position, row] of rows.entries()) {
        const token = from + position
        expect(batch.tokens[row]).toBe(split.tokens[token])
        expect(batch.positions[row]).toBe(position)
        expect(batch.parents[row]).toBe(position === 0 ? -1 : row - 1)
        expect(Math.floor(row / shape.length)).toBe(Math.floor(rows[0] / shape.length))
        const last = token + 1 === split.starts[document + 1]
        expect(batch.weights[row]).toBe(last ? 0 : Math.fround(split.weights[token + 1] / 255))
        if (!last) expect(batch.targets[row]).toBe(split.tokens[token + 1])
      }
  })

  test('has padding that stands alone and counts nothing, and little of it', () => {
    const batches = take(new TokenBatches(dataset, { ...shape, seed: 1 }), 30)
    let padding = 0
    for (const batch of batches) {
      const used = new Set(chains(batch).flatMap(({ rows }) => rows))
      for (let row = 0; row < shape.sequences * shape.length; row++)
        if (!used.has(row)) {
          padding++
          expect([batch.parents[row], batch.weights[row], batch.positions[row]]).toEqual([-1, 0, 0])
        }
    }
    expect(padding).toBeGreaterThan(0)
    expect(padding / (30 * shape.sequences * shape.length)).toBeLessThan(0.1)
  })
})

describe('the stream', () => {
  test('restored from its state goes on with the same batches, across epochs', () => {
    const options = { sequences: 7, length: 32, seed: 5, taskRates: { tell: 2.5, count: 0.3 } }
    const stream = new TokenBatches(dataset, options)
    for (let i = 0; i < 40; i++) {
      const state = JSON.parse(JSON.stringify(stream.state))
      const batches = take(stream, 2)
      expect(take(new TokenBatches(dataset, { ...options, state }), 2)).toEqual(batches)
    }
    expect(stream.state.epoch).toBeGreaterThan(1)
  })

  test('sees each document once an epoch, in another order in each, and another with another seed', () => {
    const one = { sequences: 1, length: shape.length, seed: 1 }
    const stream = new TokenBatches(dataset, one)
    const first = take(new TokenBatches(dataset, one), 10)
    expect(new Set(epochCounts(stream))).toEqual(new Set([1]))
    const second = new TokenBatches(dataset, { ...one, state: { epoch: 1, index: 0 } })
    expect(take(second, 10)).not.toEqual(first)
    expect(take(new TokenBatches(dataset, { ...one, seed: 2 }), 10)).not.toEqual(first)
  })

  test('sees a task as often as its rate says, and all its documents equally often', () => {
    const { tasks } = dataset.split('train')
    const counts = new Array(tasks.length).fill(0)
    for (let epoch = 0; epoch < 4; epoch++) {
      const stream = new TokenBatches(dataset, {
        sequences: 1,
        length: shape.length,
        seed: 1,
        taskRates: { count: 0.25, tell: 1.5 },
        state: { epoch, index: 0 },
      })
      for (const [document, count] of epochCounts(stream).entries()) counts[document] += count
    }
    for (const [document, task] of tasks.entries()) expect(counts[document]).toBe(task === 0 ? 1 : 6)
  })

  test('a temperature makes small tasks larger and leaves the epoch as long as it was', () => {
    const amounts = dataset.info.splits.train
    const shares = (exponent: number) => {
      const rates = temperatureRates(dataset, exponent)
      return dataset.info.tasks.map((task, i) => rates[task] * amounts[i].tokens)
    }
    const tokens = amounts.map((amount) => amount.tokens)
    const all = tokens[0] + tokens[1]
    for (const [i, share] of shares(1).entries()) expect(share).toBeCloseTo(tokens[i], 6)
    for (const share of shares(0)) expect(share).toBeCloseTo(all / 2, 6)
    const [a, b] = shares(0.5)
    expect(a / b).toBeCloseTo(Math.sqrt(tokens[0] / tokens[1]), 6)
    expect(a + b).toBeCloseTo(all, 6)
  })

  test('the piece of a long document that has nothing to learn is left out', async () => {
    const options = { files: [join(folder, 'lines.jsonl')], folder: join(folder, 'responses'), vocabulary: 300 }
    await packDataset({ ...options, validation: 0 })
    const responses = await PackedDataset.open(options.folder)
    const stream = new TokenBatches(responses, { ...shape, sequences: 1, seed: 1 })
    for (const batch of take(stream, stream.sequencesInEpoch))
      for (const { rows } of chains(batch)) expect(rows.some((row) => batch.weights[row] > 0)).toBe(true)
  })

  test('what cannot be is refused', () => {
    const make = (options: object) => () => new TokenBatches(dataset, { ...shape, seed: 1, ...options })
    expect(make({ sequences: 0 })).toThrow('sequences is 0, expected an integer of at least 1')
    expect(make({ length: 1 })).toThrow('length is 1')
    expect(make({ state: { epoch: 0, index: 1e6 } })).toThrow('state.index is 1000000')
    expect(make({ taskRates: { sing: 1 } })).toThrow('there is no task "sing", expected count, tell')
    expect(make({ taskRates: { tell: -1 } })).toThrow('the rate of "tell" is -1')
    expect(() => make({ taskRates: { count: 0, tell: 0 } })().next()).toThrow('no document to train on')
  })
})

test('validation batches have each document once, always in the same order, and count responses alone', () => {
  const split = dataset.split('validation')
  const batches = [...TokenBatches.validation(dataset, shape)]
  expect([...TokenBatches.validation(dataset, shape)]).toEqual(batches)
  const begun = origins('validation', batches).filter(({ from, document }) => from === split.starts[document])
  expect(new Set(begun.map(({ document }) => document)).size).toBe(begun.length)
  expect(begun.length).toBe(split.documentCount)
  const weight = batches.reduce((all, batch) => all + batch.weights.reduce((sum, w) => sum + w), 0)
  expect(weight).toBe(dataset.total('validation').responseTokens)
  for (const batch of batches) expect(batch.weights.every((w) => w === 0 || w === 1)).toBe(true)
})

describe('baselines', () => {
  test('the probabilities of all tokens after any context sum to 1', () => {
    const { vocabSize } = dataset.info.tokenizer
    const probability = wittenBell(dataset.split('train'), vocabSize)
    const { tokens, starts } = dataset.split('validation')
    for (const order of [1, 2, 3])
      for (const at of [starts[0] + 1, starts[0] + 2, starts[1] - 1, starts[3] - 2]) {
        const context = tokens.slice(0, at + 1)
        let sum = 0
        for (let token = 0; token < vocabSize; token++) {
          context[at] = token
          sum += probability(context, at, starts[at < starts[1] ? 0 : 2], order)
        }
        expect(sum).toBeCloseTo(1, 9)
      }
  })

  test('a hand-made text has the probabilities of the formula', () => {
    // One document "0 1 2 1 2 1 3" of four tokens, all counted but the first.
    const split: PackedSplit = {
      documentCount: 1,
      tokens: Uint16Array.of(0, 1, 2, 1, 2, 1, 3),
      weights: Uint8Array.of(0, 255, 255, 255, 255, 255, 255),
      starts: Uint32Array.of(0, 7),
      responseStarts: Uint32Array.of(1),
      tasks: Uint32Array.of(0),
    }
    const probability = wittenBell(split, 4)
    // Unigrams: 1 three times, 2 twice, 3 once; three distinct of six.
    const p2 = (2 + 3 / 4) / 9
    // After 1: 2 twice, 3 once. After "2 1": 2 once, 3 once.
    const p12 = (2 + 2 * p2) / 5
    const p212 = (1 + 2 * p12) / 4
    const text = Uint16Array.of(2, 1, 2)
    expect(probability(text, 2, 0, 1)).toBeCloseTo(p2, 12)
    expect(probability(text, 2, 0, 2)).toBeCloseTo(p12, 12)
    expect(probability(text, 2, 0, 3)).toBeCloseTo(p212, 12)
    expect(probability(text, 2, 1, 3)).toBeCloseTo(p12, 12)
  })

  test('more context predicts better here, and bits per byte follow from nats per token', () => {
    const { uniform, unigram, trigram, byTask } = measureBaselines(dataset)!
    const { responseTokens, responseBytes } = dataset.total('validation')
    expect(uniform.natsPerToken).toBeCloseTo(Math.log(dataset.info.tokenizer.vocabSize), 9)
    expect(unigram.natsPerToken).toBeLessThan(uniform.natsPerToken)
    expect(trigram.natsPerToken).toBeLessThan(0.7 * unigram.natsPerToken)
    expect(trigram.bitsPerByte).toBeCloseTo((trigram.natsPerToken * responseTokens) / Math.LN2 / responseBytes, 9)
    expect(Object.keys(byTask)).toEqual(['count', 'tell'])
    for (const name of ['uniform', 'unigram', 'trigram'] as const) {
      const nats = dataset.info.tasks.map(
        (task, i) => byTask[task][name].natsPerToken * dataset.info.splits.validation[i].responseTokens,
      )
      const whole = { uniform, unigram, trigram }[name].natsPerToken * responseTokens
      expect(nats[0] + nats[1]).toBeCloseTo(whole, 6)
    }
  })
})
