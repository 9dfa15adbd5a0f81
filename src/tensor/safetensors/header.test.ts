import { expect, test } from 'vitest'
import { type Header, headerLength, parseHeader, prefixBytes } from './header.ts'
import { assemble } from './mutate.ts'

function parse(file: Uint8Array): Header {
  const length = headerLength(file.subarray(0, prefixBytes), file.length, 'm.safetensors')
  return parseHeader(file.subarray(8, 8 + length), file.length, 'm.safetensors')
}

/** Expects a refusal of code `format` whose message begins with the file's name and holds all of `words`. */
function expectRefused(file: Uint8Array, ...words: string[]): void {
  let message = 'accepted'
  try {
    parse(file)
  } catch (error) {
    expect(error).toMatchObject({ name: 'PacelineError', code: 'format' })
    message = (error as Error).message
  }
  expect(message).toMatch(/^m\.safetensors: /)
  for (const word of words) expect(message).toContain(word)
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function withLength(length: bigint, rest: Uint8Array = new Uint8Array()): Uint8Array {
  const file = assemble(rest)
  new DataView(file.buffer).setBigUint64(0, length, true)
  return file
}

/** A file of one tensor "test", with fields as JSON text. */
function one(fields: { dtype?: string; shape?: string; data_offsets?: string }, dataBytes: number): Uint8Array {
  const { dtype = '"I32"', shape = '[2,2]', data_offsets = '[0,16]' } = fields
  const json = `{"test":{"dtype":${dtype},"shape":${shape},"data_offsets":${data_offsets}}}`
  return assemble(json, new Uint8Array(dataBytes))
}

const entry = '{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}'

// The cases of the format's reference implementation.

test('a file is parsed into names, types, shapes and byte ranges', () => {
  const file = one({}, 16)
  const { tensors, metadata } = parse(file)
  expect([...tensors.keys()]).toEqual(['test'])
  expect(tensors.get('test')).toMatchObject({ type: { name: 'I32', dtype: 'i32' }, shape: [2, 2] })
  expect(tensors.get('test')).toMatchObject({ start: file.length - 16, end: file.length })
  expect(metadata.size).toBe(0)
})

test('a file without tensors is legal', () => {
  expect(parse(assemble('{}')).tensors.size).toBe(0)
  expect(parse(assemble('{"__metadata__":{}}')).tensors.size).toBe(0)
})

test('an empty shape is a scalar', () => {
  expect(parse(one({ shape: '[]', data_offsets: '[0,4]' }, 4)).tensors.get('test')?.shape).toEqual([])
})

test('a tensor with a zero dimension is legal', () => {
  const { tensors } = parse(one({ shape: '[2,0]', data_offsets: '[0, 0]' }, 0))
  expect(tensors.get('test')?.shape).toEqual([2, 0])
})

test('several zero-size tensors may share a place', () => {
  const empty = '{"dtype":"F32","shape":[0],"data_offsets":[16,16]}'
  expect(parse(assemble(`{"b":${empty},"a":${empty},"test":${entry}}`, new Uint8Array(16))).tensors.size).toBe(3)
})

test('many names for the same bytes are refused (a small file must not grow in memory)', () => {
  const entries = Array.from({ length: 10 }, (_, i) => `"weight_${i}":${entry}`)
  expectRefused(assemble(`{${entries}}`, new Uint8Array(16)), 'tensor "weight_', 'data_offsets', 'overlap')
})

test('bytes after the last tensor are refused', () => {
  expectRefused(one({}, 16 + 34), 'the header describes a file of 84 bytes, this one has 118', 'no tensor')
})

test('a truncated file is refused, with the size it should have and the size it has', () => {
  expectRefused(one({}, 14), 'the header describes a file of 84 bytes, this one has 82', 'truncated')
})

test('a header length above the limit of the format is refused', () => {
  const file = one({}, 16)
  file.set([0xff, 0xff, 0xff], 5)
  expectRefused(file, 'header length', '100000000')
  expectRefused(withLength(100_000_001n), '100000001')
})

test('header lengths that a number cannot hold are refused', () => {
  for (const length of [2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 8n])
    expectRefused(withLength(length, bytes(`{}`)), String(length))
})

test('an empty file is refused', () => {
  expectRefused(new Uint8Array(), 'empty')
})

test('a file too short for the header length is refused', () => {
  expectRefused(new Uint8Array(7), '7 bytes')
})

test('a header that ends after the file is refused, with both sizes', () => {
  expectRefused(withLength(60n), 'truncated', 'ends at byte 68', 'has 8')
})

test('a header of no bytes is refused', () => {
  expectRefused(withLength(0n), 'header', '"{"')
})

test('a header that is not UTF-8 is refused', () => {
  expectRefused(assemble(bytes('\xff')), 'UTF-8')
  expectRefused(assemble(bytes('{"\xc3":{}}')), 'UTF-8')
})

test('a header that is not JSON is refused', () => {
  for (const json of ['{', '{"test"', `{"test":${entry}`, `{"test":${entry},}`, '{}x', '{}\0', '{}{}', "{'a':1}"])
    expectRefused(assemble(json), 'header: expected')
  expectRefused(assemble('{"test":'), 'tensor "test": expected an object, got the end')
})

test('a header may end in white space', () => {
  expect(parse(assemble('{}\x0d\x20\x09\x0a')).tensors.size).toBe(0)
})

test('a header may not begin with white space, a byte order mark or anything but "{"', () => {
  for (const json of [' {}', '\t\n{}', '\uFEFF{}', '[]', '"{}"', 'null', '1'])
    expectRefused(assemble(json), 'starting with "{"')
})

test('a size that does not match type and shape is refused', () => {
  expectRefused(one({ data_offsets: '[0,4]' }, 4), 'tensor "test"', 'I32 of shape [2,2] takes 16 bytes', 'hold 4')
  expectRefused(one({ shape: '[2,3]' }, 16), 'takes 24 bytes', 'hold 16')
})

test('a shape whose product overflows is refused', () => {
  for (const shape of ['[2,9007199254740991]', '[94906267,94906267]', `[${new Array(60).fill(65536)}]`])
    expectRefused(one({ shape }, 16), 'tensor "test"', 'more elements than can be counted')
})

test('shapes and offsets that a double cannot hold are refused', () => {
  for (const number of ['9007199254740992', '9007199254740993', '18446744073709551614', '1'.repeat(400)]) {
    expectRefused(one({ shape: `[2,${number}]` }, 16), 'tensor "test"', '"shape"', 'whole number')
    expectRefused(one({ data_offsets: `[0,${number}]` }, 16), 'tensor "test"', '"data_offsets"', 'whole number')
  }
})

// What a JSON parser lets through.

test('numbers with a sign, a fraction, an exponent or leading zeros are refused', () => {
  for (const number of ['-1', '-0', '+1', '2.0', '0.5', '2e0', '1E2', '02', '0x2', 'NaN', 'Infinity']) {
    expectRefused(one({ shape: `[${number},2]` }, 16), 'tensor "test"', '"shape"')
    expectRefused(one({ data_offsets: `[${number},16]` }, 16), 'tensor "test"', '"data_offsets"')
  }
})

test('offsets that begin after their end are refused', () => {
  expectRefused(one({ data_offsets: '[16,0]' }, 16), 'tensor "test"', 'data_offsets [16,0]', 'reversed')
})

test('offsets that leave a hole are refused (a polyglot file hides there)', () => {
  const second = '{"dtype":"U8","shape":[4],"data_offsets":[20,24]}'
  expectRefused(assemble(`{"a":${entry},"b":${second}}`, new Uint8Array(24)), 'tensor "b"', 'begins at byte 20', 'hole')
  expectRefused(one({ data_offsets: '[4,20]' }, 20), 'tensor "test"', 'begins at byte 4', 'hole')
})

test('offsets that overlap are refused', () => {
  const second = '{"dtype":"U8","shape":[4],"data_offsets":[12,16]}'
  expectRefused(
    assemble(`{"a":${entry},"b":${second}}`, new Uint8Array(16)),
    'tensor "b"',
    'begins at byte 12',
    'overlap',
  )
})

test('offsets are checked in the order of the data, not of the header', () => {
  const second = '{"dtype":"U8","shape":[4],"data_offsets":[16,20]}'
  const { tensors } = parse(assemble(`{"b":${second},"a":${entry}}`, new Uint8Array(20)))
  expect([...tensors.keys()]).toEqual(['a', 'b'])
})

test('offsets that are not two numbers are refused', () => {
  for (const data_offsets of [
    '[]',
    '[0]',
    '[0,16,16]',
    '16',
    'null',
    '"0,16"',
    '{"0":0,"1":16}',
    '[[0,16]]',
    '["0","16"]',
  ])
    expectRefused(one({ data_offsets }, 16), 'tensor "test"', 'data_offsets')
})

test('a shape that is not a list of numbers is refused', () => {
  for (const shape of ['4', 'null', '"2,2"', '{}', '[[2,2]]', '["2","2"]', '[2,2,]', '[2 2]', '[true]'])
    expectRefused(one({ shape }, 16), 'tensor "test"', '"shape"')
})

test('a shape of more dimensions than any library allows is refused before it is kept', () => {
  expect(parse(one({ shape: `[4${',1'.repeat(63)}]` }, 16)).tensors.size).toBe(1)
  expectRefused(one({ shape: `[4${',1'.repeat(64)}]` }, 16), 'tensor "test", "shape"', '64')
})

test('a type that the format does not know is refused', () => {
  for (const dtype of ['"F128"', '"f32"', '"float32"', '""', '"toString"', '"__proto__"'])
    expectRefused(one({ dtype }, 16), 'tensor "test", "dtype"', dtype, 'unknown')
  for (const dtype of ['null', '32', '["I32"]']) expectRefused(one({ dtype }, 16), 'tensor "test", "dtype"', 'a string')
})

test('a type that is known but cannot be read is accepted, with its size checked', () => {
  const { tensors } = parse(one({ dtype: '"F64"', data_offsets: '[0,32]' }, 32))
  expect(tensors.get('test')?.type).toMatchObject({ name: 'F64', dtype: null })
  expectRefused(one({ dtype: '"F64"' }, 16), 'F64 of shape [2,2] takes 32 bytes')
})

test('sub-byte types are packed, and must fill whole bytes', () => {
  expect(parse(one({ dtype: '"F4"', data_offsets: '[0,2]' }, 2)).tensors.size).toBe(1)
  expect(parse(one({ dtype: '"F6_E3M2"', data_offsets: '[0,3]' }, 3)).tensors.size).toBe(1)
  expectRefused(one({ dtype: '"F4"', shape: '[3]', data_offsets: '[0,2]' }, 2), 'F4 of shape [3] takes 1.5 bytes')
})

test('a missing field is refused by name', () => {
  const fields = ['"dtype":"I32"', '"shape":[2,2]', '"data_offsets":[0,16]']
  for (const missing of fields) {
    const json = `{"test":{${fields.filter((field) => field !== missing)}}}`
    expectRefused(assemble(json, new Uint8Array(16)), 'tensor "test"', missing.split(':')[0], 'missing')
  }
})

test('an entry that is not an object is refused', () => {
  for (const value of ['null', '[]', '"I32"', '1'])
    expectRefused(assemble(`{"test":${value}}`), 'tensor "test"', 'an object')
})

test('a name that appears twice is refused, also when one is written with escapes', () => {
  const empty = '{"dtype":"I32","shape":[0],"data_offsets":[0,0]}'
  for (const again of ['"a"', '"\\u0061"'])
    expectRefused(assemble(`{"a":${empty},${again}:${empty}}`), 'key "a"', 'twice')
})

test('a field that appears twice is refused, also when one is written with escapes', () => {
  for (const again of ['"shape"', '"\\u0073hape"', '"sh\\u0061pe"'])
    expectRefused(assemble(`{"test":{"shape":[4],${again}:[4],"dtype":"U8","data_offsets":[0,4]}}`), '"shape"', 'twice')
})

test('metadata that appears twice, or a key twice in it, is refused', () => {
  expectRefused(assemble('{"__metadata__":{},"__metadata__":{}}'), '__metadata__', 'twice')
  expectRefused(assemble('{"__metadata__":{"a":"1","a":"2"}}'), '__metadata__', '"a"', 'twice')
})

test('metadata holds strings only', () => {
  expect([...parse(assemble('{"__metadata__":{"format":"pt","":"\\n"}}')).metadata]).toEqual([
    ['format', 'pt'],
    ['', '\n'],
  ])
  for (const value of ['1', 'null', 'true', '[]', '{"b":"c"}'])
    expectRefused(assemble(`{"__metadata__":{"a":${value}}}`), '"a"')
  for (const value of ['1', 'null', '[]', '"a"']) expectRefused(assemble(`{"__metadata__":${value}}`), '__metadata__')
})

test('names of Object.prototype are ordinary names and pollute nothing', () => {
  const empty = '{"dtype":"I32","shape":[0],"data_offsets":[0,0],"__proto__":{"polluted":1}}'
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']
  const metadata = '"__metadata__":{"__proto__":"x","constructor":"y"}'
  const header = parse(assemble(`{${metadata},${names.map((name) => `"${name}":${empty}`)}}`))
  expect([...header.tensors.keys()]).toEqual(names)
  expect([...header.metadata.keys()]).toEqual(['__proto__', 'constructor'])
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  expect(header.tensors.get('__proto__')).not.toHaveProperty('polluted')
})

test('unknown fields of an entry are ignored, but must be JSON and not nested without end', () => {
  const extra = (value: string) => assemble(`{"test":{"x":${value},"dtype":"I32","shape":[0],"data_offsets":[0,0]}}`)
  for (const value of ['null', '-1.5e-3', '[[],{"a":[true,false,"\\n"]}]'])
    expect(parse(extra(value)).tensors.size).toBe(1)
  for (const value of ['nul', '01', '1.', '.5', '-', '[1,]', '{"a":1,"a":1}', '1'.repeat(100)])
    expectRefused(extra(value), '"test", "x"')
  expectRefused(extra('['.repeat(1_000_000)), 'nested')
})

test('half of a surrogate pair, bad escapes and control characters are refused in names', () => {
  const empty = '{"dtype":"I32","shape":[0],"data_offsets":[0,0]}'
  for (const name of ['\\ud800', '\\udc00\\ud800', '\\x', '\\u12', '\n', '\0', '\x1f'])
    expectRefused(assemble(`{"${name}":${empty}}`))
  expect([...parse(assemble(`{"\\ud83d\\ude00 é":${empty}}`)).tensors.keys()]).toEqual(['😀 é'])
})

test('a Git LFS pointer is named as such, with what to do', () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n'
  expectRefused(bytes(pointer), 'Git LFS pointer', 'git lfs pull')
})

test('an absurdly long name does not make an absurdly long message', () => {
  const name = 'n'.repeat(100_000)
  try {
    parse(assemble(`{"${name}":1}`))
    expect.unreachable()
  } catch (error) {
    expect((error as Error).message.length).toBeLessThan(500)
  }
})
