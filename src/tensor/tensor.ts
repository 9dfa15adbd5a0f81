import { PacelineError } from '../errors.ts'
import { allocate, type DType, type TypedArrays } from './dtype.ts'

/** A dense, row-major host tensor: `data.length` is the product of `shape` (1 for a scalar, whose shape is `[]`). */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D
  readonly shape: readonly number[]
  readonly data: TypedArrays[D]
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Wraps `data` without copying. Throws code `shape` when its length is not the product of `shape`. */
export function tensor<D extends DType>(dtype: D, shape: readonly number[], data: TypedArrays[D]): Tensor<D> {
  if (data.length !== elementCount(shape))
    throw new PacelineError(
      'shape',
      `a ${dtype} tensor of shape [${shape}] needs ${elementCount(shape)} elements, got ${data.length}`,
    )
  return { dtype, shape, data }
}

export function zeros<D extends DType>(dtype: D, shape: readonly number[]): Tensor<D> {
  return { dtype, shape, data: allocate(dtype, elementCount(shape)) }
}
