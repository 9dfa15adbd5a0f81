import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GenerateOptions, loadModel, type Model, none, promptLookup } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeTinyFolder } from './tiny.ts'

const prompt = 'Once upon a time, there was a little '
let root: string
let model: Model

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-acceptance-'))
  model = await loadModel(await writeTinyFolder(join(root, 'letters'), { writes: /[a-z ]/ }), { threads: 1 })
})
afterAll(async () => {
  await model.dispose()
  await rm(root, { recursive: true })
})

const generate = (options: GenerateOptions) => model.generate(prompt, { maxTokens: 100, ...options }).result()

describe('how guesses are accepted', () => {
  test.each<[string, object, string]>([
    ['a rule there is not', { rule: 'typical' }, 'rule is "typical", expected target-draw or rejection'],
    ['a rule of another type', { rule: 1 }, 'rule is 1, expected'],
    ['a negative band', { strict: -0.1 }, 'strict is -0.1, expected a number of at least 0'],
    ['an endless band', { strict: Number.POSITIVE_INFINITY }, 'strict is Infinity'],
    ['a band that is no number', { strict: Number.NaN }, 'strict is NaN'],
    ['noise that is neither shared nor not', { sharedNoise: 'no' }, 'sharedNoise is "no", expected true or false'],
  ])('%s is refused', async (_, options, message) => {
    await expect(generate(options as GenerateOptions)).rejects.toMatchObject({
      code: 'argument',
      message: expect.stringContaining(message),
    })
  })

  test.each<[string, GenerateOptions]>([
    ['target draw', { rule: 'target-draw' }],
    ['noise that is not shared', { sharedNoise: false }],
    ['strict', { strict: 0.5 }],
  ])('%s leaves the text as it is', async (_, options) => {
    for (const sampling of [{}, { temperature: 1, seed: 4 }]) {
      const plain = await generate({ ...sampling, drafter: none() })
      const drafted = await generate({ ...sampling, ...options, drafter: promptLookup() })
      expect(drafted.ids).toEqual(plain.ids)
    }
  })

  test('rejection can be repeated with its seed, and is greedy decoding at temperature 0', async () => {
    const drafter = promptLookup()
    const sampled = (seed: number) => generate({ rule: 'rejection', temperature: 1, seed, drafter })
    const [first, again, other] = [await sampled(3), await sampled(3), await sampled(4)]
    expect(first.ids).toEqual(again.ids)
    expect(first.ids).not.toEqual(other.ids)
    // Noise of another kind decides: the text is as likely as by target draw, and another one.
    expect(first.ids).not.toEqual((await generate({ temperature: 1, seed: 3, drafter })).ids)
    expect((await generate({ rule: 'rejection', drafter })).ids).toEqual((await generate({ drafter })).ids)
  })

  test('typical acceptance writes another text where guesses are accepted, and the same greedily or without guesses', async () => {
    const [drafter, sampling] = [promptLookup(), { temperature: 1, seed: 4 }]
    const plain = await generate({ ...sampling, drafter: none() })
    expect((await generate({ ...sampling, rule: 'typical-lossy', drafter })).ids).not.toEqual(plain.ids)
    expect((await generate({ ...sampling, rule: 'typical-lossy', drafter: none() })).ids).toEqual(plain.ids)
    expect((await generate({ rule: 'typical-lossy', drafter })).ids).toEqual((await generate({ drafter })).ids)
  })
})
