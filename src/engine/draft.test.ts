import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { draft, type GenerateOptions, loadModel, type Model, none } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeTinyFolder } from './tiny.ts'

const prompt = 'Once upon a time, there was a little '
let root: string
let model: Model
/** Has no draft model beside it. */
let alone: Model
const at = (name: string) => join(root, name)

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-draft-'))
  await writeTinyFolder(at('target'), { writes: /[a-z ]/ })
  await cp(at('target'), at('alone'), { recursive: true })
  // The same weights, of which the head knows half of the letters only: it agrees with the target now and then.
  await writeTinyFolder(at('target/draft'), { writes: /[a-n ]/ })
  await cp(at('target/draft'), at('elsewhere'), { recursive: true })
  await cp(at('target/draft'), at('other tokens'), { recursive: true })
  const file = at('other tokens/tokenizer.json')
  const tokenizer = JSON.parse(await readFile(file, 'utf8'))
  const { vocab } = tokenizer.model
  ;[vocab.a, vocab.b] = [vocab.b, vocab.a]
  await writeFile(file, JSON.stringify(tokenizer))
  model = await loadModel(at('target'), { threads: 1 })
  alone = await loadModel(at('alone'), { threads: 1 })
})
afterAll(async () => {
  await model.dispose()
  await alone.dispose()
  await rm(root, { recursive: true })
})

const generate = (model: Model, options: GenerateOptions) =>
  model.generate(prompt, { maxTokens: 60, ...options }).result()

describe('a draft model', () => {
  test.each<[string, GenerateOptions]>([
    ['greedy', {}],
    ['at temperature 1', { temperature: 1, seed: 5 }],
  ])('beside its target or at a path leaves the text as it is, in fewer passes: %s', async (_, sampling) => {
    const plain = await generate(model, { ...sampling, drafter: none() })
    for (const drafter of ['draft:constant', draft({ policy: 'confidence-0.2', folder: at('elsewhere') })]) {
      const drafted = await generate(model, { ...sampling, drafter })
      expect([drafter, drafted.ids]).toEqual([drafter, plain.ids])
      expect(drafted.stats.acceptanceLength).toBeGreaterThan(1.2)
      expect(drafted.stats.draftForwards).toBeGreaterThan(0)
    }
  })

  test('with another tokenizer is refused, naming the first token that differs', async () => {
    await expect(generate(model, { drafter: draft({ folder: at('other tokens') }) })).rejects.toMatchObject({
      code: 'checkpoint',
      message: `${at('other tokens')} cannot draft for ${at('target')}: token 97 is "b" there and "a" in the target. Choose a draft model with the same tokenizer.`,
    })
  })

  test('that is not there is asked for in a sentence, and the model goes on', async () => {
    await expect(generate(alone, { drafter: 'draft' })).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining(`${at('alone/draft')}: there is no such folder`),
    })
    await expect(generate(alone, { drafter: `draft=${at('nowhere')}` })).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining(at('nowhere')),
    })
    expect((await generate(alone, {})).ids.length).toBe(60)
  })

  test('is found when it appears after it was missed', async () => {
    const drafter = `draft:constant=${at('late')}`
    await expect(generate(alone, { drafter })).rejects.toMatchObject({ code: 'file' })
    await cp(at('elsewhere'), at('late'), { recursive: true })
    expect((await generate(alone, { drafter })).ids).toEqual((await generate(alone, {})).ids)
  })

  test('is loaded once, and serves one generation after the other', async () => {
    await cp(at('elsewhere'), at('gone'), { recursive: true })
    const drafter = `draft:heuristic=${at('gone')}`
    const first = await generate(model, { drafter })
    await rm(at('gone'), { recursive: true })
    const second = await generate(model, { drafter })
    expect(second.ids).toEqual(first.ids)
    // Another policy over the same folder shares the model.
    expect((await generate(model, { drafter: `draft:constant-3=${at('gone')}` })).ids).toEqual(first.ids)
  })
})
