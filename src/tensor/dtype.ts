/** Element types of host tensors. f16 and bf16 are kept as raw 16-bit patterns: JavaScript has no array type for them. */
export interface TypedArrays {
  f32: Float32Array
  f16: Uint16Array
  bf16: Uint16Array
  i8: Int8Array
  u8: Uint8Array
  i32: Int32Array
  i64: BigInt64Array
  bool: Uint8Array
}

export type DType = keyof TypedArrays
export type TypedArray = TypedArrays[DType]

const constructors = {
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i8: Int8Array,
  u8: Uint8Array,
  i32: Int32Array,
  i64: BigInt64Array,
  bool: Uint8Array,
} as const

export function bytesPerElement(dtype: DType): number {
  return constructors[dtype].BYTES_PER_ELEMENT
}

/** A new, zeroed array of `length` elements. */
export function allocate<D extends DType>(dtype: D, length: number): TypedArrays[D] {
  return new constructors[dtype](length) as TypedArrays[D]
}

/** Views `bytes` as elements of `dtype`; copies only where the offset is not aligned to the element size. */
export function viewAs<D extends DType>(dtype: D, bytes: Uint8Array): TypedArrays[D] {
  const size = bytesPerElement(dtype)
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  const Constructor = constructors[dtype] as new (b: ArrayBufferLike, o: number, n: number) => unknown
  return new Constructor(aligned.buffer, aligned.byteOffset, bytes.byteLength / size) as TypedArrays[D]
}
