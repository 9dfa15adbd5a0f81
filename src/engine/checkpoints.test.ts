import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadModel, type Model, promptLookup } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Checkpoint, type Dtype, openCheckpoint } from '../checkpoint/index.ts'
import { loadTargetModel } from '../model/index.ts'
import { chooseExecutor } from '../runtime/index.ts'

/*
 * Real weights. PACELINE_CHECKPOINTS names a folder that holds model folders X, each with expected_X.json beside it:
 * { "items": [{ "prompt", "prompt_ids", "greedy_ids" }] }, greedy ids past end-of-text, computed by another program.
 */

interface Expected {
  readonly prompt: string
  readonly prompt_ids: readonly number[]
  readonly greedy_ids: readonly number[]
}

const folder = process.env.PACELINE_CHECKPOINTS
const names = folder ? readdirSync(folder).filter((name) => existsSync(join(folder, `expected_${name}.json`))) : []
if (!folder) console.log('PACELINE_CHECKPOINTS is not set: no third-party checkpoint is run')

test.skipIf(names.length > 0)('real checkpoints', ({ skip }) => {
  skip('set PACELINE_CHECKPOINTS to a folder of model folders X with expected_X.json to run them')
})

const storyPrompts = [
  'Once upon a time, there was a tiny boat',
  'One day, Lily found a red ball',
  'Tom had a big dog named Max.',
  'The sun was hot and the sea was blue.',
  'Anna wanted to bake a cake for her mom.',
  'A little bird lived in a tall tree.',
  'Ben and Sam went to the zoo',
  'There was a frog who could not jump.',
  'Mia lost her favorite teddy bear.',
  'It was raining, so the children',
  'The old man gave the boy a coin.',
  'Every night, the moon smiled at',
  'Sue saw a butterfly in the garden',
  'The cat was hungry and looked for',
  'Jack was scared of the dark.',
  'In a small house near the woods',
  'The train went choo choo',
  'Grandma told them a story about',
  'A bunny hopped up the hill',
  'Max and his sister built a tower',
]

// ONNX Runtime, and the native executor where it was built.
const executors = chooseExecutor().executor.name === 'native' ? (['onnx', 'native'] as const) : (['onnx'] as const)
const cases = names.flatMap((name) => executors.map((executor) => ({ name, executor })))

describe.each(cases)('$name, executor $executor', ({ name, executor }) => {
  let model: Model
  let checkpoint: Checkpoint
  let items: readonly Expected[]
  /** Plain greedy continuations of the story prompts: prompt and text. */
  let stories: { promptIds: readonly number[]; ids: readonly number[] }[]

  beforeAll(async () => {
    items = JSON.parse(readFileSync(join(folder!, `expected_${name}.json`), 'utf8')).items
    checkpoint = await openCheckpoint(join(folder!, name))
    model = await loadModel(join(folder!, name), { executor, threads: 1 })
    const options = { maxTokens: 128, ignoreEos: true }
    stories = await Promise.all(storyPrompts.map((prompt) => model.generate(prompt, options).result()))
  }, 60_000)
  afterAll(async () => {
    await model?.dispose()
    await checkpoint?.close()
  })

  test('prompts become the expected ids', () => {
    for (const { prompt, prompt_ids } of items) expect(checkpoint.text.encode(prompt)).toEqual(prompt_ids)
  })

  test('f32 writes the expected ids, plainly and with prompt lookup', async () => {
    for (const { prompt, prompt_ids, greedy_ids } of items) {
      const options = { maxTokens: greedy_ids.length, ignoreEos: true }
      for (const drafter of ['none', promptLookup(), promptLookup({ guesses: 3 })])
        expect(await model.generate(prompt, { ...options, drafter }).result()).toMatchObject({
          promptIds: prompt_ids,
          ids: greedy_ids,
        })
    }
  })

  test('prompt lookup writes what plain decoding writes, in fewer passes', async () => {
    let [tokens, forwards] = [0, 0]
    for (const [i, { promptIds, ids }] of stories.entries()) {
      const options = { maxTokens: 128, ignoreEos: true, drafter: promptLookup() }
      const result = await model.generate({ ids: promptIds }, options).result()
      expect(result.ids, storyPrompts[i]).toEqual(ids)
      tokens += result.stats.tokens
      forwards += result.stats.forwards
    }
    console.info(`${name}, ${executor}: prompt lookup, ${(tokens / forwards).toFixed(2)} tokens per pass`)
    expect(forwards).toBeLessThan(tokens)
  })

  test('rounded weights choose the token that f32 chooses at most positions, the more bits the more often', async () => {
    const texts = [
      ...items.map(({ prompt_ids, greedy_ids }) => [...prompt_ids, ...greedy_ids]),
      ...stories.map(({ promptIds, ids }) => [...promptIds, ...ids]),
    ]
    const exact = await choices('f32', texts)
    const agreement = async (dtype: Dtype) => {
      const rounded = await choices(dtype, texts)
      return rounded.filter((token, i) => token === exact[i]).length / exact.length
    }
    const [int8, int4, pure] = [await agreement('int8'), await agreement('int4'), await agreement('int4-pure')]
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`
    console.info(
      `${name}, ${executor}: top-1 as f32 over ${exact.length} positions: ` +
        `int8 ${percent(int8)}, int4 ${percent(int4)}, int4-pure ${percent(pure)}`,
    )
    expect(int8).toBeGreaterThanOrEqual(0.96)
    expect(int4).toBeGreaterThanOrEqual(0.84)
    expect(pure).toBeGreaterThanOrEqual(0.8)
    expect(int4).toBeGreaterThan(pure)
  })

  /** The likeliest next token at every position of every text, the text itself being given. */
  async function choices(dtype: Dtype, texts: readonly (readonly number[])[]): Promise<number[]> {
    const chosen = chooseExecutor({ executor, threads: 1 }).executor
    const loaded = await loadTargetModel(checkpoint.spec, checkpoint.source, { executor: chosen, dtype })
    const tokens: number[] = []
    for (const text of texts) {
      const rows = { tokens: Int32Array.from(text), parents: Int32Array.from(text, (_, i) => i - 1) }
      tokens.push(...(await loaded.createTarget().forward(rows, { head: 'argmax' })).argmax!)
    }
    await loaded.dispose()
    return tokens
  }
})
