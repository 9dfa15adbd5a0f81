import { describe, expect, it } from 'vitest'
import { PacelineError } from '../../errors.ts'
import { type SamplingOptions, validateSampling } from './options.ts'

const bad = (options: Record<string, unknown>) => () => validateSampling(options as SamplingOptions, 100)

describe('sampling options', () => {
  it('default to greedy decoding without penalties or filters', () => {
    const { seed, ...rest } = validateSampling({}, 100)
    expect(rest).toEqual({
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0,
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      logitBias: new Map(),
    })
    expect(Number.isSafeInteger(seed) && seed >= 0).toBe(true)
    expect(validateSampling({}, 100).seed).not.toBe(seed)
  })

  it('take the ends of their ranges', () => {
    for (const options of [
      { seed: 0, topP: 0, minP: 1, topK: 1, presencePenalty: -2, frequencyPenalty: 2, repetitionPenalty: 0.01 },
      { seed: 2 ** 53 - 1, temperature: Number.MAX_VALUE, topK: 1000, repetitionPenalty: 100 },
    ])
      expect(validateSampling(options, 100)).toMatchObject(options)
  })

  it.each([
    ['temperature', -0.1],
    ['temperature', Number.POSITIVE_INFINITY],
    ['topK', -1],
    ['topK', 1.5],
    ['topP', 1.01],
    ['topP', -0.1],
    ['minP', 2],
    ['repetitionPenalty', 0],
    ['presencePenalty', 2.1],
    ['frequencyPenalty', -3],
    ['seed', -1],
    ['seed', 0.5],
    ['seed', 2 ** 53],
    ['seed', '1'],
    ...['temperature', 'topK', 'topP', 'minP', 'repetitionPenalty', 'presencePenalty', 'frequencyPenalty', 'seed'].map(
      (name) => [name, Number.NaN],
    ),
  ])('outside their range are refused by name and value: %s = %s', (name, value) => {
    expect(bad({ [name]: value })).toThrow(PacelineError)
    expect(bad({ [name]: value })).toThrow(new RegExp(`^${name} must be .*got "?${value}`))
  })

  it('take logit bias as a Map or as an object', () => {
    const expected = new Map([
      [7, -100],
      [99, 1.5],
    ])
    expect(validateSampling({ logitBias: expected }, 100).logitBias).toEqual(expected)
    expect(validateSampling({ logitBias: { 7: -100, 99: 1.5 } }, 100).logitBias).toEqual(expected)
  })

  it.each([
    [{ 100: 1 }, /0 to 99.*"100"/],
    [{ '-1': 1 }, /"-1"/],
    [{ '': 1 }, /""/],
    [{ '1e1': 1 }, /"1e1"/],
    [new Map([[1.5, 1]]), /1\.5/],
    [{ 3: 101 }, /logitBias\[3\].*-100 to 100.*101/],
    [{ 3: Number.NaN }, /logitBias\[3\].*NaN/],
    [{ 3: '1' }, /logitBias\[3\].*"1"/],
    [[1, 2], /logitBias must be/],
    ['x', /logitBias must be/],
  ])('refuse a logit bias with a wrong token or value: %o', (logitBias, message) => {
    expect(bad({ logitBias })).toThrow(PacelineError)
    expect(bad({ logitBias })).toThrow(message)
  })
})
