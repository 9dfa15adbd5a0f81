import { PacelineError } from '../../errors.ts'
import { refuseLfsPointer } from './files.ts'
import { JsonReader, quote } from './json-reader.ts'
import { type StoredType, storedTypes } from './stored-types.ts'

/*
 * A safetensors file: 8 bytes with the header's length (little-endian), the header (JSON, may end in spaces), the data.
 *   {"__metadata__": {string: string}, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 * Offsets count from the end of the header; the tensors cover the data exactly, without holes or overlap.
 * Everything here works on bytes already in memory and trusts none of them.
 */

export interface StoredTensor {
  readonly type: StoredType
  readonly shape: readonly number[]
  /** Where the data is, in bytes from the beginning of the file. */
  readonly start: number
  readonly end: number
}

export interface Header {
  /** By name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly metadata: ReadonlyMap<string, string>
}

/** How many bytes of a file `headerLength` wants to see: the length, and enough to recognise a Git LFS pointer. */
export const prefixBytes = 64

/** The largest header the format allows. */
export const maxHeaderBytes = 100_000_000

/** Tensor libraries stop at 64 dimensions; a header must not make us keep a list of millions. */
const maxRank = 64

/**
 * The length of the header in bytes; it begins at byte 8. `prefix` holds the first `prefixBytes` of the file, or all of
 * a shorter one. Throws code `format`.
 */
export function headerLength(prefix: Uint8Array, fileSize: number, file: string): number {
  const fail = (problem: string) => new PacelineError('format', `${file}: ${problem}`)
  if (fileSize === 0) throw fail('the file is empty (0 bytes): download it again')
  refuseLfsPointer(prefix, file)
  if (fileSize < 8 || prefix.length < 8)
    throw fail(`the file has ${fileSize} bytes, too few for the header length of a safetensors file (8 bytes)`)
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true)
  if (length > BigInt(maxHeaderBytes))
    throw fail(`the header length is ${length} bytes, the format allows ${maxHeaderBytes}: not a safetensors file`)
  if (8 + Number(length) > fileSize)
    throw fail(`truncated: the header ends at byte ${8 + Number(length)}, the file has ${fileSize}: download it again`)
  return Number(length)
}

/**
 * Parses and validates a header: its JSON, every tensor's fields, and that the tensors cover the file exactly.
 * `json` is the header without the 8 bytes before it. Throws code `format`, naming tensor and field.
 */
export function parseHeader(json: Uint8Array, fileSize: number, file: string): Header {
  const failAt = (where: string, problem: string): never => {
    throw new PacelineError('format', `${file}: ${where}: ${problem}`)
  }
  const text = decodeUtf8(json) ?? failAt('header', 'not valid UTF-8')
  if (!text.startsWith('{')) failAt('header', 'expected a JSON object, starting with "{"')

  const dataStart = 8 + json.length
  const metadata = new Map<string, string>()
  const tensors = new Map<string, StoredTensor>()
  const reader = new JsonReader(text, (problem) => failAt(describe(reader.path), problem))
  reader.object((name) => {
    if (name === '__metadata__') reader.object((key) => metadata.set(key, reader.string()))
    else tensors.set(name, readTensor(reader, dataStart))
  })
  reader.end()

  const inOrder = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)
  let covered = dataStart
  for (const [name, { start, end }] of inOrder) {
    if (start !== covered) {
      const fault = start < covered ? 'they overlap' : 'there is a hole between them'
      const where = describe([name, 'data_offsets'])
      failAt(where, `begins at byte ${start - dataStart}, the data before it ends at ${covered - dataStart}: ${fault}`)
    }
    covered = end
  }
  if (covered !== fileSize) {
    const advice = covered > fileSize ? 'truncated, download it again' : 'the rest belongs to no tensor'
    failAt('data', `the header describes a file of ${covered} bytes, this one has ${fileSize}: ${advice}`)
  }
  return { tensors: new Map(inOrder), metadata }
}

/** Reads a tensor's entry: its fields, and that they agree with one another. `dataStart` is where offsets count from. */
function readTensor(reader: JsonReader, dataStart: number): StoredTensor {
  let type: StoredType | undefined
  let shape: number[] | undefined
  let offsets: number[] | undefined
  reader.object((field) => {
    if (field === 'dtype') {
      const name = reader.string()
      type = storedTypes.get(name) ?? reader.fail(`the type ${quote(name)} is unknown`)
    } else if (field === 'shape') shape = wholeNumbers(reader, maxRank)
    else if (field === 'data_offsets') offsets = wholeNumbers(reader, 2)
    else reader.skip()
  })
  if (type === undefined) return reader.fail('the field "dtype" is missing')
  if (shape === undefined) return reader.fail('the field "shape" is missing')
  if (offsets === undefined) return reader.fail('the field "data_offsets" is missing')
  if (offsets.length !== 2) return reader.fail(`data_offsets [${offsets}] are not two numbers`)

  const [begin, end] = offsets
  if (end < begin) reader.fail(`data_offsets [${offsets}] are reversed`)
  if (!Number.isSafeInteger(dataStart + end)) reader.fail(`data_offsets [${offsets}] are beyond the end of any file`)
  const bits = storedBits(type, shape)
  if (Number.isNaN(bits)) reader.fail(`shape [${shape}] has more elements than can be counted`)
  if (bits !== (end - begin) * 8)
    reader.fail(
      `${type.name} of shape [${shape}] takes ${bits / 8} bytes, data_offsets [${offsets}] hold ${end - begin}`,
    )
  return { type, shape, start: dataStart + begin, end: dataStart + end }
}

/** The size of the data in bits, or NaN when it, or a product on the way to it, cannot be counted exactly. */
function storedBits(type: StoredType, shape: readonly number[]): number {
  let bits = type.bits
  for (const size of shape) {
    bits *= size
    if (!Number.isSafeInteger(bits)) return Number.NaN
  }
  return bits
}

/** Reads an array of whole numbers, never keeping more than `most`. */
function wholeNumbers(reader: JsonReader, most: number): number[] {
  const numbers: number[] = []
  reader.array((index) => {
    if (index === most) reader.fail(`holds more than ${most} numbers`)
    numbers.push(reader.wholeNumber())
  })
  return numbers
}

/** Where in the header: `path` is a tensor's name (or `__metadata__`) and perhaps a field. */
function describe(path: readonly string[]): string {
  const [name, field] = path
  if (name === undefined) return 'header'
  const entry = name === '__metadata__' ? name : `tensor ${quote(name)}`
  return field === undefined ? entry : `${entry}, ${quote(field)}`
}

export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
