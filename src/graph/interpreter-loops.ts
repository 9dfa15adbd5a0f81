import type { Tensor } from '../tensor/index.ts'

/** The rows from a child of the cache's end down to `row`. */
export function pathTo(row: number, parents: ArrayLike<number>): number[] {
  const path: number[] = []
  for (let r = row; r >= 0; r = parents[r]) path.unshift(r)
  return path
}

export function softmax(scores: readonly number[]): number[] {
  const max = scores.reduce((a, b) => Math.max(a, b))
  const exps = scores.map((score) => Math.exp(score - max))
  const total = exps.reduce((a, b) => a + b)
  return exps.map((value) => value / total)
}

/** Indices in falling order of value; the lower index first among equals. */
export function ranked(row: Float32Array): number[] {
  return [...row.keys()].sort((a, b) => row[b] - row[a] || a - b)
}

export const lastSize = (x: Tensor) => x.shape[x.shape.length - 1]

export function eachRow(x: Tensor, visit: (row: Float32Array, index: number) => void): void {
  const size = lastSize(x)
  const data = x.data as Float32Array
  for (let r = 0; r < data.length / size; r++) visit(data.subarray(r * size, (r + 1) * size), r)
}

export function mapRows(
  x: Tensor,
  outSize: number,
  compute: (row: Float32Array, out: Float32Array) => void,
): Float32Array {
  const result = new Float32Array((x.data.length / lastSize(x)) * outSize)
  eachRow(x, (row, r) => compute(row, result.subarray(r * outSize, (r + 1) * outSize)))
  return result
}

export function zip(a: Tensor, b: Tensor, combine: (x: number, y: number) => number): Float32Array {
  return Float32Array.from(a.data as Float32Array, (x, i) => combine(x, Number(b.data[i])))
}

export function rowsOf(x: Tensor): Float32Array[] {
  const size = x.shape[1] * x.shape[2]
  return Array.from({ length: x.shape[0] }, (_, r) => (x.data as Float32Array).subarray(r * size, (r + 1) * size))
}

export function sum(row: Float32Array, of: (value: number) => number): number {
  let total = 0
  for (const value of row) total += of(value)
  return total
}
