import { beforeAll, describe, expect, test } from 'vitest'
import { chain, type Drafter, TokenTree } from '../../decoding/index.ts'
import { withRowNoise } from '../../decoding/tiny.ts'
import { promptLookup } from '../../drafters/index.ts'
import { everyDrafter, tinyContext, tinyPair } from '../../drafters/tiny.ts'
import { PacelineError } from '../../errors.ts'
import type { TargetModel } from '../../model/index.ts'
import { makeDrafters, type NamedDrafter } from './drafters.ts'
import { measureRowError } from './row-error.ts'
import { type VerifyOptions, verifyDrafters } from './verify.ts'

const prompts = [
  [5, 9, 2, 33, 5, 9, 2],
  [3, 1, 4, 1, 5, 3, 1],
].map((ids, i) => ({ id: 10 + i, category: 'a', ids }))
const options: VerifyOptions = { prompts, maxTokens: 24, seed: 1, samples: 0 }

let target: TargetModel
let draft: TargetModel
const lookup = (): NamedDrafter => ({ name: 'lookup', drafter: promptLookup() })
beforeAll(async () => {
  const pair = await tinyPair()
  target = pair.target
  draft = pair.draft
})

describe('on an executor whose rows are exact', () => {
  test('every drafter writes what plain decoding writes, at temperature 0 and 1', async () => {
    const drafters = (await everyDrafter(target, draft)).map((drafter) => ({ name: drafter.name, drafter }))
    const { rowError, results, divergences } = await verifyDrafters(target, drafters, {
      ...options,
      strict: 'measured',
    })
    expect(rowError).toBe(0)
    expect(divergences).toEqual([])
    // Where there is no error to be strict about, a band that is measured adds no run.
    expect(results.map(({ drafter, temperature, strict }) => [drafter, temperature, strict])).toEqual(
      drafters.flatMap(({ name }) => [
        [name, 0, 0],
        [name, 1, 0],
      ]),
    )
    for (const { temperature, prompts, identical, explained, unexplained, tokens } of results)
      expect({ prompts, identical, explained, unexplained, tokens }).toEqual({
        ...(temperature === 0 ? { prompts: 2, identical: 2, tokens: 48 } : { prompts: 6, identical: 6, tokens: 144 }),
        ...{ explained: 0, unexplained: 0 },
      })
  })

  test('sampling is tested where a drafter guessed, one token and two at a time', async () => {
    const { sampling } = await verifyDrafters(target, [lookup()], { ...options, samples: 100 })
    expect(sampling.map(({ drafter, tokens }) => [drafter, tokens])).toEqual(
      [1, 2, 1, 2].slice(0, sampling.length).map((tokens) => ['lookup', tokens]),
    )
    expect(sampling.length).toBeGreaterThan(0)
    for (const { prompt, guessed, samples, degrees, p } of sampling) {
      expect([10, 11]).toContain(prompt)
      expect({ samples, guessed }).toEqual({ samples: 100, guessed: 100 })
      expect(degrees).toBeGreaterThan(0)
      expect(p).toBeGreaterThan(1e-5)
    }
  })
})

test('typical acceptance is found out: greedily the text is the same, at temperature 1 it is not, nor are draws as likely', async () => {
  const wide: Drafter = {
    ...{ name: 'wide', start() {}, observe() {} },
    propose: (root, { rows }) => {
      const guesses = Array.from({ length: rows - 1 }, (_, token) => token)
      return { tree: new TokenTree([root, ...guesses], [-1, ...guesses.map(() => 0)]) }
    },
  }
  const { results, sampling } = await verifyDrafters(target, [{ name: 'wide', drafter: wide }], {
    ...options,
    samples: 100,
    rule: 'typical-lossy',
  })
  expect(results).toMatchObject([
    { temperature: 0, prompts: 2, identical: 2 },
    { temperature: 1, explained: 0 },
  ])
  expect(results[1].unexplained).toBe(6)
  expect(Math.min(...sampling.map(({ p }) => p))).toBeLessThan(1e-12)
})

describe('on an executor whose passes of many rows are off', () => {
  const error = 0.2

  test('differences are found and explained, and strict decoding has none', async () => {
    const noisy = withRowNoise(target, error)
    const { rowError, results, divergences } = await verifyDrafters(noisy, [lookup()], { ...options, strict: error })
    expect(rowError).toBeGreaterThan(0.9 * error)
    expect(rowError).toBeLessThanOrEqual(error * 1.0001)
    const [greedy, sampled, strictGreedy, strictSampled] = results
    expect([greedy, sampled].every(({ strict }) => strict === 0)).toBe(true)
    expect(greedy.explained + sampled.explained).toBeGreaterThan(0)
    expect(greedy.unexplained + sampled.unexplained).toBe(0)
    expect(strictGreedy).toMatchObject({ strict: error, prompts: 2, identical: 2 })
    expect(strictSampled).toMatchObject({ strict: error, prompts: 6, identical: 6 })
    expect(divergences.length).toBe(greedy.explained + sampled.explained)
    for (const { margin, gap, plain, drafted, oneRow, explained, position, drafter } of divergences) {
      expect({ drafter, explained }).toEqual({ drafter: 'lookup', explained: true })
      expect(oneRow).toBe(plain)
      expect(drafted).not.toBe(plain)
      expect(margin).toBeGreaterThan(0)
      expect(gap).toBeGreaterThanOrEqual(margin)
      expect(gap).toBeLessThanOrEqual(2 * error)
      expect(position).toBeLessThan(24)
    }
  })

  test('a text is computed again with a cache as large as it was written with, on which its last bits depend', async () => {
    const noisy = withRowNoise(target, error)
    const capacities: number[] = []
    const watched: TargetModel = {
      ...noisy,
      createTarget: (capacity) => {
        capacities.push(capacity!)
        return noisy.createTarget(capacity)
      },
    }
    const { divergences } = await verifyDrafters(watched, [lookup()], options)
    expect(divergences.length).toBeGreaterThan(0)
    expect(new Set(capacities)).toEqual(new Set(prompts.map(({ ids }) => ids.length + options.maxTokens)))
  })

  test('a measured band is larger than the error that was seen', async () => {
    const { rowError, results } = await verifyDrafters(withRowNoise(target, 0.01), [lookup()], {
      ...options,
      strict: 'measured',
    })
    expect(results.map(({ strict }) => strict)).toEqual([0, 0, 4 * rowError, 4 * rowError])
  })

  test('what is far beyond its error is not explained', async () => {
    // Wrong only where no measurement looks: in passes of more than 16 rows.
    const wrong = withRowNoise(target, 30, 17)
    const wide: Drafter = {
      name: 'wide',
      start() {},
      propose: (root, { rows }) => ({ tree: chain(root, new Array(Math.min(17, rows - 1)).fill(0)) }),
      observe() {},
    }
    const { rowError, results, divergences } = await verifyDrafters(wrong, [{ name: 'wide', drafter: wide }], options)
    expect(rowError).toBe(0)
    expect(results[0].unexplained).toBe(2)
    expect(results[0].explained).toBe(0)
    for (const { explained, oneRow, plain } of divergences) {
      expect(explained).toBe(false)
      expect(oneRow).toBe(plain)
    }
  })
})

test('the error of rows is the largest that passes of many rows have over a text', async () => {
  const text = { prompt: [5, 9, 2], ids: Array.from({ length: 30 }, (_, i) => (i * 7) % 64) }
  expect(await measureRowError(target, [text])).toBe(0)
  const error = await measureRowError(withRowNoise(target, 3), [text])
  expect(error).toBeGreaterThan(2.9)
  expect(error).toBeLessThanOrEqual(3.0001)
  // Passes of sixteen rows are looked at too.
  expect(await measureRowError(withRowNoise(target, 3, 16), [text])).toBeGreaterThan(2)
})

describe('drafters of a model', () => {
  const without = () => ({
    ...tinyContext(target, draft),
    openModel: () => Promise.reject(new PacelineError('file', 'there is no such folder')),
  })

  test('are all that can be made; the others are listed with the reason', async () => {
    const { drafters, skipped } = await makeDrafters('all', without())
    const names = drafters.map(({ name }) => name)
    expect(names).toContain('prompt-lookup')
    expect(names.some((name) => name.startsWith('draft:'))).toBe(false)
    expect(skipped).toContainEqual({ drafter: 'draft:constant', reason: 'there is no such folder' })
  })

  test('that are named have to be there', async () => {
    await expect(makeDrafters(['prompt-lookup', 'draft'], without())).rejects.toMatchObject({ code: 'file' })
    const { drafters } = await makeDrafters(['prompt-lookup:3'], without())
    expect(drafters.map(({ name }) => name)).toEqual(['prompt-lookup:3'])
  })

  test('that fail for another reason end it', async () => {
    const failure = new TypeError('a mistake')
    const broken = { ...without(), openModel: () => Promise.reject(failure) }
    await expect(makeDrafters('all', broken)).rejects.toBe(failure)
  })
})
