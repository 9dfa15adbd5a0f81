import { PacelineError } from '../errors.ts'
import { float32ToBfloat16, float32ToFloat16, type Tensor, tensor, toFloat32 } from '../tensor/index.ts'

/** Element types in which weights are stored. */
export const storedDTypes = ['f16', 'bf16', 'f32'] as const
export type StoredDType = (typeof storedDTypes)[number]

/** The values of `torch_dtype` in a config.json. */
export const torchNames: Readonly<Record<StoredDType, string>> = { f16: 'float16', bf16: 'bfloat16', f32: 'float32' }

/**
 * A float tensor in the type it is stored in; its own one is not copied. Throws code `argument` for values that f16 cannot
 * hold; `name` is the tensor's, for the message.
 */
export function convert(name: string, source: Tensor, dtype: StoredDType): Tensor {
  if (source.dtype === dtype) return source
  const values = toFloat32(source)
  if (dtype === 'f32') return tensor('f32', source.shape, values)
  if (dtype === 'bf16') return tensor('bf16', source.shape, float32ToBfloat16(values))
  const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  // Not "larger than": a value that is not a number is refused too.
  if (!(largest < 65_520))
    throw new PacelineError(
      'argument',
      `tensor "${name}" holds ${largest}, too large for f16: store it as bf16 or f32.`,
    )
  return tensor('f16', source.shape, float32ToFloat16(values))
}
