/*
 * What a pickle of tensors can be made of. Nothing here is ever called or run: a global is a name among those allowed, and
 * reducing one of the three functions fills in a record.
 */

/** What a torch pickle may name: two functions, a class, and the element types of storages. */
export class PickleGlobal {
  readonly name: string
  /** The element type of a storage class, as safetensors calls it; `null` for what is no storage class. */
  readonly storedType: string | null

  constructor(name: string, storedType: string | null) {
    this.name = name
    this.storedType = storedType
  }
}

/** A dict or an OrderedDict, in the order of insertion. A key set again keeps its first place, as in Python. */
export class PickleDict {
  readonly entries = new Map<string, PickleValue>()
}

/** A run of elements in the archive, which several tensors may share. */
export interface Storage {
  readonly kind: 'storage'
  /** The archive's entry is `data/<key>`. */
  readonly key: string
  /** As safetensors calls it: F16, I64 ... */
  readonly storedType: string
  /** Elements. */
  readonly length: number
}

/** A view of a storage. Offset and strides count elements; none of these numbers has been checked against another. */
export interface StridedTensor {
  readonly kind: 'tensor'
  readonly storage: Storage
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

export type PickleValue =
  | null
  | boolean
  | number
  | string
  | readonly PickleValue[]
  | PickleDict
  | PickleGlobal
  | Storage
  | StridedTensor

/** The whole list of names that a pickle may refer to. */
export const globals: ReadonlyMap<string, PickleGlobal> = new Map(
  Object.entries({
    'collections.OrderedDict': null,
    'torch._utils._rebuild_tensor_v2': null,
    'torch._utils._rebuild_parameter': null,
    'torch.HalfStorage': 'F16',
    'torch.BFloat16Storage': 'BF16',
    'torch.FloatStorage': 'F32',
    'torch.DoubleStorage': 'F64',
    'torch.CharStorage': 'I8',
    'torch.ByteStorage': 'U8',
    'torch.IntStorage': 'I32',
    'torch.LongStorage': 'I64',
    'torch.BoolStorage': 'BOOL',
  }).map(([name, storedType]) => [name, new PickleGlobal(name, storedType)]),
)

/** For messages. */
export function kindOf(value: PickleValue): string {
  if (value === null) return 'None'
  if (Array.isArray(value)) return 'a tuple'
  if (value instanceof PickleDict) return 'a dictionary'
  if (value instanceof PickleGlobal) return value.name
  if (typeof value === 'object') return `a ${(value as Storage | StridedTensor).kind}`
  return `a ${typeof value}`
}
