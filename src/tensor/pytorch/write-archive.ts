import type { DType } from '../dtype.ts'
import { bytesOf } from '../safetensors/files.ts'
import type { Tensor } from '../tensor.ts'
import { type PickledTensor, pickleTensors } from './write-pickle.ts'
import { writeZip, type ZipOptions } from './write-zip.ts'

/** The classes of torch storages. */
export const storageClasses: Readonly<Record<DType, string>> = {
  f32: 'FloatStorage',
  f16: 'HalfStorage',
  bf16: 'BFloat16Storage',
  i8: 'CharStorage',
  u8: 'ByteStorage',
  i32: 'IntStorage',
  i64: 'LongStorage',
  bool: 'BoolStorage',
}

/** An archive of a given pickle and storages (key -> bytes), as torch.save lays it out; for tests. */
export function assembleArchive(
  pickle: Uint8Array,
  storages: ReadonlyMap<string, Uint8Array>,
  options: ZipOptions & { readonly byteOrder?: string } = {},
): Uint8Array {
  const text = (value: string) => new TextEncoder().encode(value)
  return writeZip(
    [
      ['archive/data.pkl', pickle],
      ['archive/byteorder', text(options.byteOrder ?? 'little')],
      ...Array.from(storages, ([key, bytes]) => [`archive/data/${key}`, bytes] as const),
      ['archive/version', text('3\n')],
    ],
    options,
  )
}

/** The file that torch.save makes of tensors, each in a storage of its own; for tests. */
export function pytorchFile(tensors: Readonly<Record<string, Tensor>>, options?: ZipOptions): Uint8Array {
  const pickled: Record<string, PickledTensor> = {}
  const storages = new Map<string, Uint8Array>()
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    const storage = String(storages.size)
    const strides = rowMajor(shape)
    pickled[name] = { storage, length: data.length, type: storageClasses[dtype], offset: 0, shape, strides }
    storages.set(storage, bytesOf(data))
  }
  return assembleArchive(pickleTensors(pickled), storages, options)
}

/** The strides, in elements, of a contiguous tensor. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= shape[axis]
  }
  return strides
}
