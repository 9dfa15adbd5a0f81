import { describe, expect, test } from 'vitest'
import { parseConfig } from './config.ts'

const config = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  vocab_size: 1000,
  max_position_embeddings: 4096,
}
const rope = (fields: object) => parseConfig({ ...config, ...fields }).rope
const error = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

const llama3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 1024 }

describe('where the settings stand', () => {
  test.each([
    ['nothing', {}, 10_000],
    ['rope_theta alone', { rope_theta: 500_000 }, 500_000],
    ['null rope_scaling', { rope_theta: 500_000, rope_scaling: null }, 500_000],
    ['rope_parameters', { rope_parameters: { rope_theta: 20_000, rope_type: 'default' } }, 20_000],
    ['rope_parameters without a type', { rope_parameters: { rope_theta: 20_000 } }, 20_000],
    ['rope_theta beside rope_parameters', { rope_theta: 30_000, rope_parameters: { rope_type: 'default' } }, 30_000],
    ['both', { rope_theta: 30_000, rope_parameters: { rope_theta: 20_000 } }, 20_000],
  ])('%s', (_, fields, theta) => {
    expect(rope(fields)).toEqual({ theta, scaling: { type: 'default' } })
  })

  test('rope_scaling and rope_parameters say the same in two generations of the format', () => {
    const old = rope({ rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...llama3 } })
    expect(rope({ rope_parameters: { rope_theta: 5e5, rope_type: 'llama3', ...llama3 } })).toEqual(old)
    expect(rope({ rope_theta: 5e5, rope_scaling: { type: 'llama3', ...llama3 } })).toEqual(old)
  })
})

describe('types', () => {
  const scaling = (fields: object) => rope({ rope_scaling: fields }).scaling

  test('linear', () => {
    expect(scaling({ type: 'linear', factor: 2 })).toEqual({ type: 'linear', factor: 2 })
  })

  test('llama3', () => {
    expect(scaling({ rope_type: 'llama3', ...llama3 })).toEqual({
      type: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalContextLength: 1024,
    })
  })

  test('yarn takes the defaults of its paper', () => {
    expect(scaling({ rope_type: 'yarn', factor: 4 })).toEqual({
      type: 'yarn',
      factor: 4,
      originalContextLength: 4096,
      betaFast: 32,
      betaSlow: 1,
      attentionFactor: 0.1 * Math.log(4) + 1,
      truncate: true,
    })
  })

  test('yarn takes what is given', () => {
    const given = { beta_fast: 20, beta_slow: 2, attention_factor: 1.5, truncate: false }
    expect(scaling({ type: 'yarn', factor: 4, original_max_position_embeddings: 512, ...given })).toEqual({
      type: 'yarn',
      factor: 4,
      originalContextLength: 512,
      betaFast: 20,
      betaSlow: 2,
      attentionFactor: 1.5,
      truncate: false,
    })
  })

  test.each([
    [{ mscale: 1, mscale_all_dim: 1 }, 1],
    [{ mscale: 2, mscale_all_dim: 1 }, (0.2 * Math.log(4) + 1) / (0.1 * Math.log(4) + 1)],
    [{ mscale: 2 }, 0.1 * Math.log(4) + 1],
    [{ mscale: 2, mscale_all_dim: 0 }, 0.1 * Math.log(4) + 1],
    [{ mscale: 2, mscale_all_dim: 1, attention_factor: 3 }, 3],
  ])('yarn with %j', (fields, attentionFactor) => {
    expect(scaling({ type: 'yarn', factor: 4, ...fields })).toMatchObject({ attentionFactor })
  })

  test('the original context length may stand outside, and is the context length otherwise', () => {
    const yarn = { rope_type: 'yarn', factor: 4 }
    const outside = rope({ rope_scaling: yarn, original_max_position_embeddings: 256 }).scaling
    expect(outside).toMatchObject({ originalContextLength: 256 })
    expect(scaling(yarn)).toMatchObject({ originalContextLength: 4096 })
  })
})

describe('refuses', () => {
  test.each([
    [
      { type: 'dynamic', factor: 2 },
      'unsupported',
      'config.json: rope_scaling.type is "dynamic", expected one of default, linear, llama3, yarn.',
    ],
    [{ rope_type: 'longrope' }, 'unsupported', 'rope_scaling.rope_type is "longrope"'],
    [{ type: 'mrope' }, 'unsupported', 'rope_scaling.type is "mrope"'],
    [{ rope_type: 'default', mrope_section: [1, 2] }, 'unsupported', 'rope_scaling.mrope_section is [1,2]'],
    [{ rope_type: 'default', partial_rotary_factor: 0.5 }, 'unsupported', 'rope_scaling.partial_rotary_factor is 0.5'],
    [{ full_attention: { rope_theta: 1e4 } }, 'unsupported', 'one set of rope parameters for all layers'],
    [{ sliding_attention: { rope_theta: 1e4 } }, 'unsupported', 'one set of rope parameters for all layers'],
    [{ type: 'linear' }, 'format', 'rope_scaling.factor is missing'],
    [{ type: 'linear', factor: 0.5 }, 'checkpoint', 'rope_scaling.factor is 0.5, expected a number of at least 1'],
    [{ type: 7, factor: 2 }, 'format', 'rope_scaling.type is 7'],
    [{ rope_theta: -1 }, 'checkpoint', 'rope_scaling.rope_theta is -1'],
    [
      { type: 'llama3', ...llama3, low_freq_factor: 4 },
      'checkpoint',
      'high_freq_factor is 4, expected more than low_freq_factor (4)',
    ],
    [
      { type: 'llama3', ...llama3, original_max_position_embeddings: 0 },
      'checkpoint',
      'original_max_position_embeddings is 0',
    ],
    [{ type: 'llama3', factor: 8 }, 'format', 'low_freq_factor is missing'],
    [
      { type: 'yarn', factor: 4, beta_fast: 1, beta_slow: 2 },
      'checkpoint',
      'beta_fast is 1, expected at least beta_slow (2)',
    ],
    [{ type: 'yarn', factor: 4, attention_factor: 0 }, 'checkpoint', 'attention_factor is 0'],
    [{ type: 'yarn', factor: 4, mscale: 'x' }, 'format', 'mscale is "x"'],
    [{ type: 'yarn', factor: 4, truncate: 1 }, 'format', 'truncate is 1'],
  ])('%j', (scaling, code, message) => {
    expect(() => rope({ rope_scaling: scaling })).toThrow(error(code, message))
  })
})
