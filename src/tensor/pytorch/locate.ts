import type { StoredTensor } from '../safetensors/header.ts'
import { quote } from '../safetensors/json-reader.ts'
import { storedTypes } from '../safetensors/stored-types.ts'
import { elementCount } from '../tensor.ts'
import type { Fail } from './cursor.ts'
import { kindOf, PickleDict, type PickleValue, type StridedTensor } from './values.ts'
import type { ZipEntry } from './zip.ts'

/**
 * Where the tensors of an unpickled dictionary lie in the file, by name, in the order of the dictionary.
 * `storageEntry` finds the archive's entry of a storage by its key. `fail` is told what is wrong and must throw.
 */
export function locateTensors(
  value: PickleValue,
  storageEntry: (key: string) => ZipEntry | undefined,
  fail: Fail,
): Map<string, StoredTensor> {
  if (!(value instanceof PickleDict)) return fail('unsupported', `holds ${kindOf(value)}, not a dictionary of tensors`)
  const tensors = new Map<string, StoredTensor>()
  for (const [name, item] of value.entries) {
    const where = `tensor ${quote(name)}`
    if (!isTensor(item)) return fail('unsupported', `${where} is ${kindOf(item)}`)
    tensors.set(
      name,
      locate(item, storageEntry, (code, problem) => fail(code, `${where} ${problem}`)),
    )
  }
  return tensors
}

function locate(
  { storage, offset, shape, strides }: StridedTensor,
  storageEntry: (key: string) => ZipEntry | undefined,
  fail: Fail,
): StoredTensor {
  const type = storedTypes.get(storage.storedType)!
  const bytes = type.bits / 8
  const entry = storageEntry(storage.key) ?? fail('format', `lies in storage ${quote(storage.key)}, which is not there`)
  if (entry.size !== storage.length * bytes)
    fail(
      'format',
      `lies in storage ${quote(storage.key)} of ${storage.length} elements ${type.name}, which has ${entry.size} bytes`,
    )
  if (!isContiguous(shape, strides))
    fail('unsupported', `of shape [${shape}] has strides [${strides}], it is not contiguous`)
  // The storage's length was met by bytes that are there, so that a product beyond it is refused, however inexact.
  const count = elementCount(shape)
  if (!(offset + count <= storage.length))
    fail(
      'format',
      `of shape [${shape}] begins at element ${offset} of storage ${quote(storage.key)}, which has ${storage.length}`,
    )
  const start = entry.start + offset * bytes
  return { type, shape, start, end: start + count * bytes }
}

/** Row-major without gaps. The stride of a dimension of one is never used, nor any where there are no elements. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis]
  }
  return true
}

function isTensor(value: PickleValue): value is StridedTensor {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tensor'
}
