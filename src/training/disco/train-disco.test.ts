import { describe, expect, test } from 'vitest'
import { disco, parseDisco } from '../../drafters/index.ts'
import { examplesOf, splitTexts } from './examples.ts'
import { replay } from './replay.ts'
import { tinyHeader, tinyTexts } from './tiny.ts'
import { trainDisco } from './train-disco.ts'

const options = { epochs: 20, seed: 1, validationShare: 0.3 }
/** A draft model that is right about what it is sure of, and about little else. */
const texts = tinyTexts(40, (p) => (p > 0.4 ? 0.95 : 0.1))
const log = { header: tinyHeader, texts }

describe('the trained classifier', () => {
  const { file, quality, replays, examples } = trainDisco(log, options)

  test('tells right guesses from wrong ones on texts it has not seen', () => {
    expect(quality.auc).toBeGreaterThan(0.9)
    expect(quality.calibrationError).toBeLessThan(0.1)
    expect(examples.train + examples.validation).toBe(examplesOf(texts, 5).length)
  })

  test('makes them faster than every constant, and slower than the bound', () => {
    const speed = new Map(replays.map(([name, { S }]) => [name, S]))
    const constants = [1, 2, 3, 4].map((guesses) => speed.get(`constant-${guesses}`)!)
    expect(speed.get('disco')!).toBeGreaterThan(Math.max(...constants))
    expect(speed.get('disco')!).toBeLessThan(speed.get('oracle')!)
  })

  test('has the threshold and the length that are best on the texts held out', () => {
    const { validation } = splitTexts(texts, options.validationShare, options.seed)
    const speedOf = (threshold: number, maxGuesses: number) =>
      replay(validation, disco({ ...file, threshold, maxGuesses }), tinyHeader.costs).S
    const chosen = speedOf(file.threshold, file.maxGuesses)
    expect(chosen).toBe(replays.find(([name]) => name === 'disco')![1].S)
    for (const maxGuesses of [1, 2, 3, 4])
      for (const threshold of [0.1, 0.3, 0.5, 0.7, 0.9])
        expect(speedOf(threshold, maxGuesses)).toBeLessThanOrEqual(chosen)
  })

  test('is a file that can be read, and tells what it was made from', () => {
    const read = parseDisco(JSON.parse(JSON.stringify(file)))
    expect(read).toEqual(file)
    expect(read.trainedOn).toMatchObject({ target: { name: 'target' }, texts: 40, maxGuesses: 4, seed: 1 })
    expect(read.metrics).toMatchObject({ costs: tinyHeader.costs, auc: quality.auc })
  })
})

test('the same log and seed give the same file, another seed another', () => {
  const few = { ...log, texts: texts.slice(0, 10) }
  const made = (seed: number) => JSON.stringify(trainDisco(few, { ...options, epochs: 2, seed }).file)
  expect(made(1)).toBe(made(1))
  expect(made(1)).not.toBe(made(2))
})

test('where guesses cost nearly a pass, it is told to guess little', () => {
  const dear = { ...tinyHeader, costs: { guess: 0.8, v: [1, 1.3, 1.6, 1.9, 2.2] } }
  const { file } = trainDisco({ header: dear, texts }, options)
  expect(file.maxGuesses).toBe(1)
})

describe('examples', () => {
  test('end with the first wrong guess of each draft', () => {
    const { steps } = texts[0]
    const examples = examplesOf([texts[0]], 5)
    expect(examples).toHaveLength(steps.reduce((sum, { accepted }) => sum + Math.min(4, accepted + 1), 0))
    expect(examples.filter(({ accepted }) => accepted)).toHaveLength(
      steps.reduce((sum, { accepted }) => sum + accepted, 0),
    )
  })

  test('of a text are all on one side, and each side has some', () => {
    for (const share of [0, 0.2, 0.5, 1]) {
      const { train, validation } = splitTexts(texts, share, 3)
      expect(train.length).toBeGreaterThan(0)
      expect(validation.length).toBeGreaterThan(0)
      expect([...train, ...validation].sort((a, b) => a.prompt - b.prompt)).toEqual(texts)
    }
    expect(splitTexts(texts, 0.2, 3).validation).toHaveLength(8)
    expect(splitTexts(texts, 0.2, 4).validation).not.toEqual(splitTexts(texts, 0.2, 3).validation)
  })
})

test.each([
  ['no guess was right', tinyTexts(5, () => 0)],
  ['every guess was right', tinyTexts(5, () => 1)],
  ['there is no guess', [{ prompt: 0, steps: [{ accepted: 0, guesses: [] }] }]],
])('a log where %s is an error of code argument', (problem, texts) => {
  expect(() => trainDisco({ header: tinyHeader, texts }, options)).toThrow(
    expect.objectContaining({ code: 'argument', message: expect.stringContaining(problem) }),
  )
})
