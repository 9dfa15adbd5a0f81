import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { PacelineError } from '../../errors.ts'
import { bytesOf } from './files.ts'
import { fuzzSeeds } from './fuzz-seeds.ts'
import { type Header, headerLength, parseHeader, prefixBytes } from './header.ts'
import { mutate, type Random, randomFrom } from './mutate.ts'
import { openSafetensors } from './reader.ts'

export interface FuzzResult {
  readonly accepted: number
  readonly refused: number
  /** What went wrong, with the input in base64. The run ends at the tenth. */
  readonly crashes: readonly string[]
}

/**
 * Feeds `count` damaged safetensors files to the header parser, and 1 in 200 to the reader through a real file.
 * Right is: a PacelineError of code `format`, or a header of which every rule holds when checked another way; soon, and
 * without allocating more than the file's own size warrants. Equal seeds give equal inputs.
 */
export async function fuzz(count: number, seed: number, progress?: (done: number) => void): Promise<FuzzResult> {
  const seeds = fuzzSeeds()
  const crashes: string[] = []
  let accepted = 0
  let refused = 0
  const folder = await mkdtemp(join(tmpdir(), 'paceline-fuzz-'))
  try {
    for (let i = 0; i < count && crashes.length < 10; i++) {
      const random = randomFrom(Math.imul(seed, 0x9e3779b1) + i)
      const bytes = mutate(seeds[random.below(seeds.length)], seeds, random)
      try {
        const began = performance.now()
        const isAccepted = parseAndCheck(bytes, random)
        if (i % 200 === 0) await readAndCheck(bytes, join(folder, 'fuzz.safetensors'))
        if (performance.now() - began > maxMilliseconds) throw new Error(`took more than ${maxMilliseconds} ms`)
        if (isAccepted) accepted++
        else refused++
      } catch (error) {
        crashes.push(`input ${i} of seed ${seed}: ${error}\n${Buffer.from(bytes).toString('base64')}`)
      }
      if ((i + 1) % 10_000 === 0) progress?.(i + 1)
    }
    if (Object.keys(Object.prototype).length > 0) crashes.push('Object.prototype was polluted')
  } finally {
    await rm(folder, { recursive: true })
  }
  return { accepted, refused, crashes }
}

/** Far above the microseconds an input takes, so that only something that grows without bound is caught. */
const maxMilliseconds = 5000

/** Parses the header, sometimes with a false file size. Returns whether it was accepted; throws when that was wrong. */
function parseAndCheck(bytes: Uint8Array, random: Random): boolean {
  const lie = random.below(20) === 0 ? [-1, 1, 2 ** 32, 2 ** 52][random.below(4)] : 0
  const fileSize = bytes.length + lie
  const parsed = orRefused(() => {
    const length = headerLength(bytes.subarray(0, prefixBytes), bytes.length, 'fuzz')
    const json = bytes.subarray(8, 8 + length)
    return { json, header: parseHeader(json, fileSize, 'fuzz') }
  })
  if (parsed === undefined) return false
  recheck(parsed.header, parsed.json, fileSize)
  return true
}

/** Opens the input as a file and reads every tensor; the verdict must be the parser's, the data the file's. */
async function readAndCheck(bytes: Uint8Array, path: string): Promise<void> {
  await writeFile(path, bytes)
  const header = orRefused(() => {
    const length = headerLength(bytes.subarray(0, prefixBytes), bytes.length, 'fuzz')
    return parseHeader(bytes.subarray(8, 8 + length), bytes.length, 'fuzz')
  })
  const allocatedBefore = process.memoryUsage().arrayBuffers
  const file = await openSafetensors(path).catch(refusal)
  const allocated = process.memoryUsage().arrayBuffers - allocatedBefore
  check(allocated <= bytes.length + 2 ** 20, `opening ${bytes.length} bytes allocated ${allocated}`)
  check((file === undefined) === (header === undefined), 'the reader and the parser disagree')
  if (file === undefined) return
  try {
    for (const [name, { start, end, type }] of header!.tensors) {
      const tensor = await file.read(name).catch((error) => {
        if (type.dtype !== null || !PacelineError.isInstance(error) || error.code !== 'unsupported') throw error
      })
      if (tensor !== undefined)
        check(Buffer.compare(bytesOf(tensor.data), bytes.subarray(start, end)) === 0, `${name}: wrong data`)
    }
  } finally {
    await file.close()
  }
}

function orRefused<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    return refusal(error)
  }
}

function refusal(error: unknown): undefined {
  if (!PacelineError.isInstance(error) || error.code !== 'format') throw error
  return undefined
}

interface Entry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

/** Every promise of an accepted header, by other means: `JSON.parse`, exact integers, and a count of the keys. */
function recheck(header: Header, json: Uint8Array, fileSize: number): void {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(json)
  check(text.startsWith('{'), 'the header does not begin with "{"')
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(text)
  const colons = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1
  check(countKeys(JSON.parse(text)) === colons, 'a key appears twice')

  check(
    !/\p{Surrogate}/u.test([...header.tensors.keys(), ...header.metadata].flat().join('\n')),
    'a string is not text',
  )
  check(isDeepStrictEqual(header.metadata, new Map(Object.entries(metadata))), 'metadata differs')
  check(header.tensors.size === Object.keys(entries).length, 'tensors are missing')

  const ranges: (readonly [bigint, bigint])[] = []
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries<Entry>(entries)) {
    const tensor = header.tensors.get(name)!
    const range = [BigInt(offsets[0]), BigInt(offsets[1])] as const
    const bits = shape.reduce((product, size) => product * BigInt(size), 1n) * bitsOf(dtype)
    check(shape.every(Number.isSafeInteger), `${name}: a size that a number cannot hold`)
    check(tensor.type.name === dtype && isDeepStrictEqual(tensor.shape, shape), `${name}: wrong dtype or shape`)
    check(bits === 8n * (range[1] - range[0]), `${name}: wrong size`)
    check(BigInt(tensor.start) === range[0] + BigInt(8 + json.length), `${name}: wrong start`)
    check(tensor.end - tensor.start === Number(range[1] - range[0]), `${name}: wrong end`)
    ranges.push(range)
  }
  ranges.sort((a, b) => Number(a[0] - b[0] || a[1] - b[1]))
  const covered = ranges.reduce((at, [start, end]) => (start === at ? end : -1n), 0n)
  check(covered === BigInt(fileSize - 8 - json.length), 'tensors do not cover the data exactly')
}

/** The first number in a type's name is its size: F8_E4M3 has 8 bits. */
function bitsOf(type: string): bigint {
  return type === 'BOOL' ? 8n : BigInt(/\d+/.exec(type)![0])
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const inside = Object.values(value).reduce((count: number, item) => count + countKeys(item), 0)
  return inside + (Array.isArray(value) ? 0 : Object.keys(value).length)
}

function check(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem)
}
