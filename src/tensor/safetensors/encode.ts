import { PacelineError } from '../../errors.ts'
import { bytesPerElement } from '../dtype.ts'
import { elementCount, type Tensor } from '../tensor.ts'
import { bytesOf } from './files.ts'
import { maxHeaderBytes } from './header.ts'
import { quote } from './json-reader.ts'
import { storedNames } from './stored-types.ts'

export interface NamedTensor {
  readonly name: string
  readonly tensor: Tensor
}

/**
 * The pieces of a safetensors file, in order: length and header, then each tensor's data (views, not copies).
 * Tensors with larger elements come first and the header ends at a multiple of 8, so every tensor is aligned to its
 * element size and other tools can map the file; equal sizes are sorted by name, so equal content gives equal bytes.
 * Throws code `argument` for a name or value the format cannot hold; `file` begins the message.
 */
export function encode(
  tensors: readonly NamedTensor[],
  metadata: ReadonlyMap<string, string>,
  file: string,
): Uint8Array[] {
  const fail = (problem: string) => new PacelineError('argument', `${file}: ${problem}`)
  const size = ({ tensor }: NamedTensor) => bytesPerElement(tensor.dtype)
  const inOrder = [...tensors].sort((a, b) => size(b) - size(a) || compare(a.name, b.name))

  const entries: string[] = []
  const entry = (key: string, value: unknown) => entries.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`)
  if (metadata.size > 0) {
    for (const [key, value] of metadata)
      if (!isText(key) || !isText(value)) throw fail(`metadata ${quote(String(key))} is not a well-formed string`)
    entry('__metadata__', Object.fromEntries([...metadata].sort(([a], [b]) => compare(a, b))))
  }
  const names = new Set<string>()
  let offset = 0
  for (const { name, tensor } of inOrder) {
    if (!isText(name) || name === '__metadata__') throw fail(`${quote(name)} cannot be the name of a tensor`)
    if (names.has(name)) throw fail(`two tensors are named ${quote(name)}`)
    names.add(name)
    if (
      !tensor.shape.every((n) => Number.isSafeInteger(n) && n >= 0) ||
      elementCount(tensor.shape) !== tensor.data.length
    )
      throw fail(`tensor ${quote(name)}: shape [${tensor.shape}] does not fit its ${tensor.data.length} elements`)
    const end = offset + tensor.data.byteLength
    entry(name, { dtype: storedNames[tensor.dtype], shape: tensor.shape, data_offsets: [offset, end] })
    offset = end
  }

  const json = new TextEncoder().encode(`{${entries.join(',')}}`)
  const length = Math.ceil(json.length / 8) * 8
  if (length > maxHeaderBytes) throw fail(`the header would have ${length} bytes, the format allows ${maxHeaderBytes}`)
  const header = new Uint8Array(8 + length).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true)
  header.set(json, 8)
  return [header, ...inOrder.map(({ tensor }) => bytesOf(tensor.data))]
}

/** By code units, so that the order does not depend on the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** True for strings that UTF-8 can hold: no half of a surrogate pair. */
function isText(value: string): boolean {
  return typeof value === 'string' && !/\p{Surrogate}/u.test(value)
}
