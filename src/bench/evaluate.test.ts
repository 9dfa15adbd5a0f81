import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTextCodec } from '../checkpoint/index.ts'
import { loadTargetModel, type TargetModel } from '../model/index.ts'
import { type TinyModel, tinyModel } from '../model/tiny.ts'
import { onnxExecutor } from '../runtime/index.ts'
import { PackedDataset, packDataset } from '../training/index.ts'
import { type EvaluateOptions, type Evaluation, evaluate } from './evaluate.ts'
import { drawSamples, promptsOfDataset, promptsOfSuite } from './samples.ts'

const executor = onnxExecutor({ threads: 1 })
/** More than any document has, and documents are of more rows than a block. */
const contextLength = 256
let folder = ''
let dataset: PackedDataset
const models: TargetModel[] = []

async function load(contextLength: number): Promise<TargetModel> {
  const { spec, source }: TinyModel = tinyModel({ vocabSize: 300, contextLength })
  const model = await loadTargetModel(spec, source, { executor, dtype: 'f32' })
  models.push(model)
  return model
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-evaluate-'))
  const row = (value: object) => `${JSON.stringify(value)}\n`
  const sums = Array.from({ length: 60 }, (_, i) => row({ task: 'sum', prompt: `${i} + ${i}?`, response: `${2 * i}.` }))
  const trees = (times: number) => 'One tree, two trees, then a wood. '.repeat(times)
  const notes = Array.from({ length: 10 }, (_, i) => row({ task: 'note', text: `Note ${i}: ${trees(20)}` }))
  const asks = Array.from({ length: 12 }, (_, i) =>
    row({ task: 'ask', prompt: `${i}. ${trees(13)}Where?`, response: 'Over there, I think.' }),
  )
  await writeFile(join(folder, 'data.jsonl'), [...sums, ...notes, ...asks].join(''))
  await packDataset({
    files: [join(folder, 'data.jsonl')],
    folder: join(folder, 'data'),
    vocabulary: 300,
    validation: 0.2,
  })
  dataset = await PackedDataset.open(join(folder, 'data'))
})
afterAll(async () => {
  for (const model of models) await model.dispose()
  await rm(folder, { recursive: true, force: true })
})

/** The definition: a pass of its own for every token, over all that it sees. Nats and predictions, by task. */
async function directly(model: TargetModel, contextLength: number, documents?: number) {
  const { tokens, starts, responseStarts, tasks, documentCount } = dataset.split('validation')
  const sums = dataset.info.tasks.map(() => ({ nats: 0, tokens: 0 }))
  for (let document = 0; document < Math.min(documents ?? documentCount, documentCount); document++)
    for (let at = responseStarts[document]; at < starts[document + 1]; at++) {
      const from = at - ((at - starts[document]) % contextLength)
      if (from === at) continue
      const seen = Int32Array.from(tokens.subarray(from, at))
      const target = model.createTarget()
      const rows = { tokens: seen, parents: Int32Array.from(seen, (_, i) => i - 1) }
      const { logits } = await target.forward(rows, { head: 'logits', headRows: [seen.length - 1] })
      target.dispose()
      const exps = [...logits!].map(Math.exp)
      const p = exps[tokens[at]] / exps.reduce((a, b) => a + b)
      sums[tasks[document]].nats -= Math.log(p)
      sums[tasks[document]].tokens++
    }
  return sums
}

async function agrees(measured: Evaluation, model: TargetModel, contextLength: number): Promise<void> {
  const direct = await directly(model, contextLength)
  const amounts = dataset.info.splits.validation
  expect(measured.tasks.map(({ task }) => task)).toEqual(dataset.info.tasks)
  for (const [i, { nats, tokens }] of direct.entries()) {
    const task = measured.tasks[i]
    expect(task.tokens).toBe(tokens)
    expect(task.documents).toBe(amounts[i].documents)
    expect(task.natsPerToken).toBeCloseTo(nats / tokens, 4)
    const perByte = ((nats / tokens) * amounts[i].responseTokens) / amounts[i].responseBytes / Math.LN2
    expect(task.bitsPerByte).toBeCloseTo(perByte, 4)
  }
}

describe('the loss of a model on a dataset', () => {
  test('is that of its definition, by task and over all', async () => {
    const model = await load(contextLength)
    const measured = await evaluate(model, dataset)
    await agrees(measured, model, contextLength)
    // Nothing is longer than the context: the whole is all predicted tokens alike, and all bytes.
    const { responseTokens, responseBytes } = dataset.total('validation')
    const nats = measured.tasks.reduce((sum, task) => sum + task.natsPerToken * task.tokens, 0)
    expect(measured.tasks.reduce((sum, task) => sum + task.tokens, 0)).toBe(responseTokens)
    expect(measured.natsPerToken).toBeCloseTo(nats / responseTokens, 9)
    expect(measured.bitsPerByte).toBeCloseTo(nats / responseBytes / Math.LN2, 9)
    expect(measured.tasks.map(({ cut }) => cut)).toEqual([0, 0, 0])
  })

  test('a document longer than the context is cut into pieces of it', async () => {
    const model = await load(140)
    const measured = await evaluate(model, dataset)
    await agrees(measured, model, 140)
    const { documents } = dataset.info.splits.validation[dataset.info.tasks.indexOf('note')]
    expect(measured.tasks.find(({ task }) => task === 'note')).toMatchObject({ cut: documents, documents })
  })

  test('a limit ends each task, and the tasks keep their shares of the whole', async () => {
    const model = await load(contextLength)
    const options: EvaluateOptions = { limit: 20 }
    const [some, again, all] = [
      await evaluate(model, dataset, options),
      await evaluate(model, dataset, options),
      await evaluate(model, dataset, { limit: 1e9 }),
    ]
    expect(some).toEqual(again)
    expect(all).toEqual(await evaluate(model, dataset))
    const { responseTokens } = dataset.total('validation')
    let nats = 0
    for (const [i, task] of some.tasks.entries()) {
      const amount = dataset.info.splits.validation[i]
      expect(task.tokens).toBeGreaterThanOrEqual(Math.min(20, amount.responseTokens))
      expect(task.documents).toBeLessThan(amount.documents)
      nats += task.natsPerToken * amount.responseTokens
    }
    expect(some.natsPerToken).toBeCloseTo(nats / responseTokens, 9)
    // Responses that begin with a piece have one token less to predict.
    for (const { tokens } of (await evaluate(await load(140), dataset, options)).tasks)
      expect(tokens).toBeGreaterThanOrEqual(20)
  })

  test('progress rises to 1, and an abort throws its reason', async () => {
    const model = await load(contextLength)
    const shares: number[] = []
    await evaluate(model, dataset, { split: 'train', limit: 9, onProgress: (share) => shares.push(share) })
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
    const reason = new Error('enough')
    await expect(evaluate(model, dataset, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('a context that no prompt of a task fits, and a split without responses, are refused', async () => {
    await expect(evaluate(await load(32), dataset)).rejects.toMatchObject({
      code: 'context',
      message: expect.stringMatching(/the task "ask" has \d+ tokens, the model's context 32:/),
    })
    await packDataset({
      files: [join(folder, 'data.jsonl')],
      folder: join(folder, 'all'),
      vocabulary: 300,
      validation: 0,
    })
    await expect(
      evaluate(await load(contextLength), await PackedDataset.open(join(folder, 'all'))),
    ).rejects.toMatchObject({
      code: 'argument',
      message: expect.stringContaining('the validation split has no responses'),
    })
  })
})

describe('samples', () => {
  test('are what the model writes after prompts of each task, beside the response of the dataset', async () => {
    const model = await load(contextLength)
    const text = await openTextCodec(dataset.folder)
    const loaded = { model, checkpoint: { spec: model.spec, text } }
    const prompts = promptsOfDataset(dataset, 'validation', loaded, 2)
    expect(prompts.map(({ task }) => task)).toEqual(dataset.info.tasks.flatMap((task) => [task, task]))
    const sum = prompts.find(({ task }) => task === 'sum')!
    expect(sum.text).toMatch(/^(\d+) \+ \1\?$/)
    expect(sum.expected).toBe(`${2 * Number.parseInt(sum.text, 10)}.`)

    const samples = await drawSamples(loaded, prompts, { maxTokens: 8 })
    expect(samples.map(({ prompt, expected }) => [prompt, expected])).toEqual(
      prompts.map(({ text, expected }) => [text, expected]),
    )
    // The same by hand: argmax after argmax.
    const { ids } = sum.prompt as { ids: readonly number[] }
    const target = model.createTarget()
    const written = [...ids]
    for (let i = 0; i < 8 && !model.spec.eosTokenIds.includes(written[written.length - 1]); i++) {
      const seen = written.slice(target.length)
      const rows = { tokens: Int32Array.from(seen), parents: Int32Array.from(seen, (_, i) => i - 1) }
      const { argmax } = await target.forward(rows, { head: 'argmax', headRows: [seen.length - 1] })
      target.commit(seen.map((_, i) => i))
      written.push(argmax![0])
    }
    target.dispose()
    const response = samples[prompts.indexOf(sum)].response
    expect(response).toBe(text.decode(written.slice(ids.length), { skipSpecialTokens: true }))

    const sampled = { maxTokens: 8, temperature: 1 }
    const [first, second, same] = await Promise.all(
      [1, 2, 1].map((seed) => drawSamples(loaded, prompts, { ...sampled, seed })),
    )
    expect(first).toEqual(same)
    expect(first).not.toEqual(second)
  })

  test('of a suite: the first questions of each category', () => {
    const question = (id: number, category: string, ...turns: string[]) => ({ id, category, turns })
    const suite = [question(1, 'a', 'x'), question(2, 'b', 'y'), question(3, 'a', 'z')]
    expect(promptsOfSuite(suite, 1).map(({ task, text }) => [task, text])).toEqual([
      ['a', 'x'],
      ['b', 'y'],
    ])
    expect(() => promptsOfSuite([question(7, 'a', 'x', 'y')], 1)).toThrow('question 7 has 2 turns')
  })
})
