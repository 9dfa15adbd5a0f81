import { dequantise, quantiseInt4, quantiseInt8, quantiseRow, type Tensor, type TypedArray } from '../tensor/index.ts'
import type { Precision } from './types.ts'

type Product = (row: Float32Array, out: Float32Array) => void

/** x W^T for one row x, by precision. */
export const products: Record<Precision, (weight: Tensor) => Product> = {
  f32: (weight) => denseProduct(weight.data as Float32Array),
  int8: remembered((weight) => {
    const { values, scales } = quantiseInt8(weight.data as Float32Array, weight.shape[0], weight.shape[1])
    return quantisedProduct(values, scales)
  }),
  int4: remembered((weight) =>
    quantisedProduct(dequantise(quantiseInt4(weight.data as Float32Array, weight.shape[0], weight.shape[1]))),
  ),
}

/** Quantises a weight once, not once per run. */
function remembered(make: (weight: Tensor) => Product): (weight: Tensor) => Product {
  const made = new WeakMap<TypedArray, Product>()
  return (weight) => {
    if (!made.has(weight.data)) made.set(weight.data, make(weight))
    return made.get(weight.data)!
  }
}

const denseProduct =
  (weight: Float32Array): Product =>
  (row, out) => {
    for (let n = 0; n < out.length; n++) {
      let dot = 0
      for (let k = 0; k < row.length; k++) dot += row[k] * weight[n * row.length + k]
      out[n] = dot
    }
  }

/** The row is rounded to 8 bits with a scale of its own, so no other row can change the result. */
const quantisedProduct =
  (weight: ArrayLike<number>, scales?: Float32Array): Product =>
  (row, out) => {
    const activations = new Int8Array(row.length)
    const rowScale = quantiseRow(row, activations)
    for (let n = 0; n < out.length; n++) {
      let dot = 0
      for (let k = 0; k < row.length; k++) dot += activations[k] * weight[n * row.length + k]
      out[n] = dot * (scales?.[n] ?? 1) * rowScale
    }
  }
