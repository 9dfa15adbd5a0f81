import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonReader } from './json-reader.ts'

function readerOf(text: string): JsonReader {
  return new JsonReader(text, (problem) => {
    throw new Error(problem)
  })
}

/** True when `skip` takes `text` as one whole JSON value. */
function skips(text: string): boolean {
  try {
    const reader = readerOf(text)
    reader.skip()
    reader.end()
    return true
  } catch {
    return false
  }
}

test('every JSON text that JSON.stringify makes is accepted', () => {
  // No -0, lone surrogates or huge nesting here: stringify writes none of the first, the others have tests of their own.
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }), fc.constantFrom(0, 1, 2), (value, indent) => {
      expect(skips(JSON.stringify(value, null, indent))).toBe(true)
    }),
    { seed: 1, numRuns: 100 },
  )
})

test('whatever the reader accepts, JSON.parse accepts', () => {
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '\\',
    'u0041',
    'a',
    '0',
    '12',
    '-',
    '.',
    'e',
    'true',
    'null',
    ' ',
    '\n',
  )
  fc.assert(
    fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
      const text = tokens.join('')
      if (skips(text)) expect(() => JSON.parse(text)).not.toThrow()
    }),
    { seed: 2, numRuns: 20_000 },
  )
})

test('strings come back as they were written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (value) => {
      expect(readerOf(JSON.stringify(value)).string()).toBe(value)
    }),
    { seed: 3, numRuns: 500 },
  )
})

test('whole numbers up to 2^53 - 1 come back, larger ones are refused', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect(readerOf(`${value} `).wholeNumber()).toBe(value)
    }),
    { seed: 4 },
  )
  expect(readerOf('9007199254740991').wholeNumber()).toBe(Number.MAX_SAFE_INTEGER)
  for (const text of ['9007199254740992', '90071992547409910'])
    expect(() => readerOf(text).wholeNumber()).toThrow('whole number')
})

test('the path names the keys around the value being read', () => {
  const reader = readerOf('{"a":{"b":[1]},"c":2}')
  const paths: string[] = []
  reader.object(() => {
    paths.push(reader.path.join('.'))
    if (reader.path[0] === 'c') reader.skip()
    else
      reader.object(() => {
        paths.push(reader.path.join('.'))
        reader.skip()
      })
  })
  expect(paths).toEqual(['a', 'a.b', 'c'])
  expect(reader.path).toEqual([])
})

test('a key that appears twice is refused at any depth', () => {
  expect(skips('{"a":{"b":1,"b":1}}')).toBe(false)
  expect(skips('[{"a":1},{"a":1}]')).toBe(true)
})

test('more keys than memory should hold are refused, wherever they are', () => {
  const reader = readerOf(`[${'{"a":0},'.repeat(2_000_001)}0]`)
  expect(() => reader.skip()).toThrow('more than 2000000 keys')
})
