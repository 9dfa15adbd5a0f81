import type { DType } from '../dtype.ts'

/** An element type of the safetensors format. */
export interface StoredType {
  readonly name: string
  /** Sub-byte types are packed, so sizes are counted in bits. */
  readonly bits: number
  /** The host type it is read as, or `null` where there is none. */
  readonly dtype: DType | null
}

function stored(name: string, bits: number, dtype: DType | null = null): readonly [string, StoredType] {
  return [name, { name, bits, dtype }]
}

/** Every element type that the format defines (as of safetensors 0.8), by its name in a header. */
export const storedTypes: ReadonlyMap<string, StoredType> = new Map([
  stored('F32', 32, 'f32'),
  stored('F16', 16, 'f16'),
  stored('BF16', 16, 'bf16'),
  stored('I8', 8, 'i8'),
  stored('U8', 8, 'u8'),
  stored('I32', 32, 'i32'),
  stored('I64', 64, 'i64'),
  stored('BOOL', 8, 'bool'),
  stored('F4', 4),
  stored('F6_E2M3', 6),
  stored('F6_E3M2', 6),
  stored('F8_E4M3', 8),
  stored('F8_E4M3FNUZ', 8),
  stored('F8_E5M2', 8),
  stored('F8_E5M2FNUZ', 8),
  stored('F8_E8M0', 8),
  stored('I16', 16),
  stored('U16', 16),
  stored('U32', 32),
  stored('U64', 64),
  stored('F64', 64),
  stored('C64', 64),
])

/** The names of host types in a header. */
export const storedNames: Readonly<Record<DType, string>> = {
  f32: 'F32',
  f16: 'F16',
  bf16: 'BF16',
  i8: 'I8',
  u8: 'U8',
  i32: 'I32',
  i64: 'I64',
  bool: 'BOOL',
}
