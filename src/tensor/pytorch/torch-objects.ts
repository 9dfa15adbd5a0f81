import type { Fail } from './cursor.ts'
import { kindOf, PickleDict, PickleGlobal, type PickleValue, type Storage, type StridedTensor } from './values.ts'

/** What a persistent id stands for: `('storage', torch.HalfStorage, key, location, length)`. */
export function storageOf(id: PickleValue, fail: Fail): Storage {
  if (Array.isArray(id) && id.length === 5) {
    const [tag, type, key, location, length] = id as readonly PickleValue[]
    if (
      tag === 'storage' &&
      type instanceof PickleGlobal &&
      type.storedType !== null &&
      typeof key === 'string' &&
      typeof location === 'string' &&
      isCount(length)
    )
      return { kind: 'storage', key, storedType: type.storedType, length }
  }
  return fail('unsupported', 'refers to something that is not a storage of tensors')
}

/** What the three allowed calls make of their arguments. */
export function construct(callee: PickleValue, args: PickleValue, fail: Fail): StridedTensor | PickleDict {
  const name = callee instanceof PickleGlobal ? callee.name : undefined
  if (!Array.isArray(args)) return fail('format', `calls ${kindOf(callee)} with ${kindOf(args)}, expected a tuple`)
  if (name === 'torch._utils._rebuild_tensor_v2') return rebuildTensor(args, fail)
  if (name === 'torch._utils._rebuild_parameter') return rebuildParameter(args, fail)
  if (name === 'collections.OrderedDict')
    return args.length === 0 ? new PickleDict() : fail('unsupported', 'makes an OrderedDict from a list')
  return fail('unsupported', `calls ${kindOf(callee)}`)
}

/** `(storage, offset, shape, strides, requires_grad, backward_hooks[, metadata])` */
function rebuildTensor(args: readonly PickleValue[], fail: Fail): StridedTensor {
  const [storage, offset, shape, strides, requiresGrad, hooks, ...metadata] = args
  if (
    isKind(storage, 'storage') &&
    isCount(offset) &&
    isCounts(shape) &&
    isCounts(strides) &&
    shape.length === strides.length &&
    typeof requiresGrad === 'boolean' &&
    hooks instanceof PickleDict &&
    metadata.length <= 1
  )
    return { kind: 'tensor', storage, offset, shape, strides }
  return fail('unsupported', 'makes a tensor from other values than torch.save stores')
}

/** `(data, requires_grad, backward_hooks)` */
function rebuildParameter(args: readonly PickleValue[], fail: Fail): StridedTensor {
  const [data, requiresGrad, hooks] = args
  const valid = args.length === 3 && typeof requiresGrad === 'boolean' && hooks instanceof PickleDict
  return valid && isKind(data, 'tensor')
    ? data
    : fail('unsupported', 'makes a parameter from something else than a tensor')
}

function isKind<K extends 'storage' | 'tensor'>(
  value: PickleValue,
  kind: K,
): value is K extends 'storage' ? Storage : StridedTensor {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind
}

function isCount(value: PickleValue): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Tensor libraries stop at 64 dimensions. */
const maxRank = 64

function isCounts(value: PickleValue): value is readonly number[] {
  return Array.isArray(value) && value.length <= maxRank && value.every(isCount)
}
