import { describe, expect, test } from 'vitest'
import { bytes, count, duration, harmless, oneLine, short, table } from './terminal.ts'

describe('numbers', () => {
  test('show three digits, or all before the point', () => {
    expect([0, 0.01234, 1.234, 12.34, 99.94, 99.96, 123.4, 1234.5].map(short)).toEqual([
      '0',
      '0.0123',
      '1.23',
      '12.3',
      '99.9',
      '100',
      '123',
      '1,235',
    ])
    expect(count(8_030_261_248)).toBe('8,030,261,248')
  })

  test('of bytes come in units of 1000', () => {
    expect([0, 999, 1000, 3_740_160, 1.5e10, 2e15].map(bytes)).toEqual([
      '0 bytes',
      '999 bytes',
      '1.00 kB',
      '3.74 MB',
      '15.0 GB',
      '2,000 TB',
    ])
  })
})

test('a duration has the two units that matter', () => {
  expect([0, 59.4, 59.6, 750, 3599.9, 3600, 45_296].map(duration)).toEqual([
    '0 s',
    '59 s',
    '1 min 00 s',
    '12 min 30 s',
    '1 h 00 min',
    '1 h 00 min',
    '12 h 35 min',
  ])
})

test('text of a model cannot steer the terminal', () => {
  expect(harmless('a\x1b[31mb\x07\x9b\x7f\n\tc é 你')).toBe('a␛[31mb␇␡␡\n\tc é 你')
})

test('a message of several lines becomes one', () => {
  expect(oneLine('first\n  second\n\nthird\n')).toBe('first second third')
})

test('columns of a table stand under one another', () => {
  expect(
    table([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
  ).toBe('  a    bb\n  ccc   d\n')
})
