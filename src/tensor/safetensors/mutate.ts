/** Random numbers for fuzzing: `below(n)` is a whole number from 0 to n - 1. */
export interface Random {
  below(n: number): number
}

/** Mulberry32: 32 bits of state, good enough to choose mutations, and the same everywhere. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return {
    below(n) {
      state = (state + 0x6d2b79f5) >>> 0
      let bits = Math.imul(state ^ (state >>> 15), state | 1)
      bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
      return ((bits ^ (bits >>> 14)) >>> 0) % n
    },
  }
}

/** A safetensors file of any header text and data, valid or not; the length field is right. */
export function assemble(json: string | Uint8Array, data: Uint8Array = new Uint8Array()): Uint8Array {
  const header = typeof json === 'string' ? new TextEncoder().encode(json) : json
  const file = new Uint8Array(8 + header.length + data.length)
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true)
  file.set(header, 8)
  file.set(data, 8 + header.length)
  return file
}

/** Damages a file in one to four ways. */
export function mutate(file: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  let result = file
  for (let left = 1 + random.below(4); left > 0; left--) {
    // Damaged bytes mostly fail at the JSON, so the edits that keep it JSON get half of the turns.
    const mutation = random.below(2) === 0 ? pick(byteMutations, random) : inHeader(pick(headerEdits, random))
    result = mutation(result, random, others)
  }
  return result
}

/** Damages a file of any format in one way. */
export function damageBytes(file: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  return pick(byteMutations, random)(file, random, others)
}

type Mutation = (file: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array

const byteMutations: readonly Mutation[] = [
  function flipBit(file, random) {
    return patched(file, random.below(file.length + 1), (byte) => byte ^ (1 << random.below(8)))
  },
  function setByte(file, random) {
    return patched(file, random.below(file.length + 1), () => random.below(256))
  },
  function truncate(file, random) {
    return file.slice(0, random.below(file.length + 1))
  },
  function insertBytes(file, random) {
    const bytes = Uint8Array.from({ length: 1 + random.below(16) }, () => random.below(256))
    return splice(file, random.below(file.length + 1), 0, bytes)
  },
  function removeBytes(file, random) {
    return splice(file, random.below(file.length + 1), 1 + random.below(16))
  },
  function repeatRange(file, random) {
    const start = random.below(file.length + 1)
    return splice(file, start, 0, file.slice(start, start + random.below(64)))
  },
  function spliceOther(file, random, others) {
    const other = pick(others, random)
    return splice(
      file.slice(0, random.below(file.length + 1)),
      file.length,
      0,
      other.slice(random.below(other.length + 1)),
    )
  },
  function setLength(file, random) {
    if (file.length < 8) return file
    const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true)
    const near = [length + 1n, length + 8n, BigInt(file.length), BigInt(file.length) - 8n, BigInt(file.length) - 7n]
    const result = file.slice()
    const value = BigInt.asUintN(
      64,
      length > 0n ? pick([...near, length - 1n, ...lengths], random) : pick(near, random),
    )
    new DataView(result.buffer).setBigUint64(0, value, true)
    return result
  },
]

const lengths = [0n, 1n, 2n, 100_000_000n, 100_000_001n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]

type HeaderEdit = (json: string, random: Random) => string

const headerEdits: readonly HeaderEdit[] = [
  (json, random) => replaceOne(json, /\d+/g, random, () => pick(numbers, random)),
  (json, random) =>
    replaceOne(json, /\d+/g, random, (digits) => String(Math.max(0, Number(digits) + pick([-4, -1, 1, 4], random)))),
  (json, random) => replaceOne(json, /"[A-Z0-9_]+"/g, random, () => JSON.stringify(pick(types, random))),
  (json, random) => replaceOne(json, /"(?:[^"\\]|\\.)*"/g, random, () => pick(strings, random)),
  (json, random) =>
    replaceOne(json, /[[\]{}:,]/g, random, () => pick(['', '[', ']', '{', '}', ':', ',', ',,', '[[', '{}'], random)),
  (json, random) =>
    replaceOne(json, /\[[^[\]]*\]/g, random, () => pick(['[]', '[0]', '[0,0]', '[1,1]', 'null', '{}', '[[]]'], random)),
  // A whole entry, or a field, once more.
  (json, random) =>
    replaceOne(json, /"[^"]*":(?:\{[^{}]*\}|"[^"]*"|\[[^[\]]*\])/g, random, (entry) => `${entry},${entry}`),
  (json, random) => replaceOne(json, /"[^"]*":(?:\{[^{}]*\}|"[^"]*"|\[[^[\]]*\]),?/g, random, () => ''),
  (json, random) => json.replace('{', () => `{"extra":${'['.repeat(random.below(200))}`),
  (json, random) => json + pick([' ', '\n', '\t\r', '\0', ',', '{}', '//'], random),
  (json, random) => pick([' ', '\uFEFF', '[', '"'], random) + json,
]

const numbers = [
  ...['0', '1', '-0', '-1', '00', '1.0', '0.5', '1e3', '1e400', '4294967296', '9007199254740991', '9007199254740992'],
  ...['18446744073709551615', '99999999999999999999', '1'.repeat(400), 'null', 'true', '"1"', 'NaN', '[1]', ''],
]
const types = [
  'F32',
  'F16',
  'BF16',
  'I8',
  'U8',
  'I64',
  'BOOL',
  'F64',
  'F4',
  'F6_E2M3',
  'F8_E4M3',
  'F128',
  'f32',
  'toString',
]
const strings = [
  ...[
    '"__proto__"',
    '"constructor"',
    '"__metadata__"',
    '""',
    '"dtype"',
    '"shape"',
    '"data_offsets"',
    '"a"',
    '"\\u0061"',
  ],
  ...['"\\ud800"', '"\\ud83d\\ude00"', '"\\x"', '"\0"', '"unclosed', "'a'", '1', '{}'],
]

/** Applies an edit to the JSON and makes the length field fit again. Files without a whole header stay as they are. */
function inHeader(edit: HeaderEdit): Mutation {
  return (file, random) => {
    if (file.length < 8) return file
    const end = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true))
    if (end > file.length) return file
    return assemble(edit(new TextDecoder().decode(file.subarray(8, end)), random), file.subarray(end))
  }
}

function replaceOne(text: string, pattern: RegExp, random: Random, by: (found: string) => string): string {
  const found = [...text.matchAll(pattern)]
  if (found.length === 0) return text
  const { 0: match, index } = pick(found, random)
  return text.slice(0, index) + by(match) + text.slice(index + match.length)
}

function splice(file: Uint8Array, at: number, remove: number, insert: Uint8Array = new Uint8Array()): Uint8Array {
  return Uint8Array.from([...file.subarray(0, at), ...insert, ...file.subarray(at + remove)])
}

function patched(file: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const result = file.slice()
  if (at < result.length) result[at] = change(result[at])
  return result
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[random.below(list.length)]
}
