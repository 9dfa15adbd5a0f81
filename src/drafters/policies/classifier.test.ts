import { describe, expect, test } from 'vitest'
import { acceptanceChance, disco } from './classifier.ts'
import { discoFeatureNames, discoFeatures } from './disco-features.ts'
import { type DiscoFile, parseDisco } from './disco-file.ts'
import { feedForward, sigmoid } from './feed-forward.ts'
import { drafted, guessed, repeated, tinyDisco } from './tiny.ts'

describe('disco', () => {
  test('goes on while the chance of the last guess is at least the threshold, and keeps the one it stops after', () => {
    const guesses = [0.9, 0.8, 0.7, 0.2, 0.9].map((p) => guessed(p))
    expect(drafted(disco(tinyDisco), guesses)).toBe(4)
    expect(drafted(disco(tinyDisco, 1), guesses)).toBe(1)
    expect(drafted(disco(tinyDisco, 0), guesses)).toBe(5)
  })

  test('drafts no more guesses than its file says, and always one', () => {
    expect(drafted(disco({ ...tinyDisco, threshold: 0 }), repeated(guessed(0.9)))).toBe(6)
    expect(drafted(disco({ ...tinyDisco, threshold: 1, maxGuesses: 1 }), repeated(guessed(0.1)))).toBe(1)
  })

  test('its name tells a threshold of its own', () => {
    expect([disco(tinyDisco).name, disco(tinyDisco, 0.7).name]).toEqual(['disco', 'disco-0.7'])
  })
})

test('a classifier sees the likeliest tokens, the entropy, the guess, its place, and the chance so far', () => {
  const confidence = { probability: 0.25, top: [0.5, 0.25, 0.125], entropy: 1.5 }
  const guesses = [guessed(0.5), { token: 7, confidence }]
  expect(discoFeatures(guesses, 2)).toEqual([0.5, 0.25, 1.5, 0.25, 2, Math.log(0.5) + Math.log(0.25)])
  // Vocabularies may hold fewer tokens.
  expect(discoFeatures(guesses, 5)).toEqual([0.5, 0.25, 0.125, 0, 0, 1.5, 0.25, 2, Math.log(0.125)])
  expect(discoFeatureNames(2)).toEqual(['top-1', 'top-2', 'entropy', 'probability', 'position', 'log-survival'])
})

test('the chance is the network of the features, each less its mean and divided by its deviation', () => {
  const silu = (x: number) => x / (1 + Math.exp(-x))
  // The position is 2, of mean 1.
  const [high, low] = [(0.8 - 0.5) / 0.1, -(0.8 - 0.5) / 0.1 + 0.2 * (2 - 1)]
  const chance = sigmoid(silu(high) - silu(low))
  expect(acceptanceChance(tinyDisco, [guessed(0.3), guessed(0.8)])).toBeCloseTo(chance, 12)
  expect(feedForward([{ weights: [[2, 3]], bias: [1] }], [10, 100])).toBe(321)
})

describe('a file that cannot be used is refused with the field', () => {
  const [first, last] = tinyDisco.layers
  test.each<[string, Partial<Record<keyof DiscoFile, unknown>>, RegExp]>([
    ['another format', { format: 'x' }, /^disco\.json: format is "x", expected "paceline-disco"/],
    ['a newer version', { version: 2 }, /version is 2, expected 1/],
    ['unknown features', { features: ['top-1', 'mood'] }, /features is \["top-1","mood"\]/],
    ['features out of order', { features: discoFeatureNames(5).reverse() }, /features is/],
    ['more tokens than a draft model tells of', { features: discoFeatureNames(9) }, /features is/],
    ['no features', { features: undefined }, /features is missing/],
    ['a mean too few', { mean: tinyDisco.mean.slice(1) }, /mean holds 8 numbers, expected 9/],
    ['a deviation of nothing', { deviation: [0, ...tinyDisco.deviation.slice(1)] }, /deviation holds a number/],
    ['a mean of text', { mean: ['1'] }, /mean is not a list of numbers/],
    ['no layers', { layers: [] }, /layers is not a list of layers/],
    ['a layer without weights', { layers: [{ bias: [0] }] }, /layers\[0\]\.weights is not a list of rows/],
    ['a row too long', { layers: [first, { weights: [[1, 2, 3]], bias: [0] }] }, /layers\[1\]\.weights\[0\] holds 3/],
    ['a bias too few', { layers: [{ ...first, bias: [0] }, last] }, /layers\[0\]\.bias holds 1 numbers, expected 2/],
    ['two outputs', { layers: [first] }, /layers\[0\]\.weights has 2 rows, expected 1/],
    ['a weight that is none', { layers: [first, { weights: [[1, null]], bias: [0] }] }, /weights\[0\] is not a list/],
    ['a threshold of no chance', { threshold: 1.5 }, /threshold is 1\.5, expected a number from 0 to 1/],
    ['half a guess', { maxGuesses: 1.5 }, /maxGuesses is 1\.5, expected an integer/],
  ])('%s', (_, changes, message) => {
    const file = JSON.parse(JSON.stringify({ ...tinyDisco, ...changes }))
    expect(() => parseDisco(file)).toThrow(
      expect.objectContaining({ code: 'format', message: expect.stringMatching(message) }),
    )
  })

  test.each([[null], [[]], ['text'], [3]])('%j', (value) => {
    expect(() => parseDisco(value)).toThrow(expect.objectContaining({ code: 'format' }))
  })
})

test('a good file is read as it is', () => {
  const file = { ...tinyDisco, trainedOn: { texts: 3 }, metrics: { auc: 0.9 } }
  expect(parseDisco(JSON.parse(JSON.stringify(file)))).toEqual(file)
})
