import type { Weight } from '../../graph/index.ts'
import { float16ToFloat32, int4GroupCount, quantiseInt4, quantiseInt8, type TensorSource } from '../../tensor/index.ts'
import { readWeightRows, rowsAndWidth, type WeightRows } from '../weight-rows.ts'
import type { Slabs } from './slabs.ts'

/** A weight in the layout that ONNX Runtime's operator for its precision wants. */
export type PackedWeight =
  | { readonly precision: 'f32'; readonly data: Float32Array } // the checkpoint's own [N, K], or any other shape
  | { readonly precision: 'int8'; readonly data: Int8Array; readonly scales: Float32Array } // [K, N], [N]
  | { readonly precision: 'int4'; readonly data: Uint8Array; readonly scales: Float32Array } // [N, groups, 64], [N, groups]

/** Reads a weight from its checkpoint tensors and packs it. `onChunk` hears how many elements each step packed. */
export async function packWeight(
  weight: Weight,
  source: TensorSource,
  slabs: Slabs,
  onChunk: (elements: number) => void,
): Promise<PackedWeight> {
  const { n, k } = rowsAndWidth(weight)
  const { packed, add } = packers[weight.precision](n, k, slabs)
  for await (const chunk of readWeightRows(weight, source, 1)) {
    add(chunk, weight.sources.join(', '))
    onChunk(chunk.data.length)
  }
  return packed
}

interface Packer {
  readonly packed: PackedWeight
  /** `name` is for messages. */
  add(chunk: WeightRows, name: string): void
}

const packers: Record<Weight['precision'], (n: number, k: number, slabs: Slabs) => Packer> = {
  f32(n, k, slabs) {
    const data = slabs.allocate(Float32Array, n * k)
    return { packed: { precision: 'f32', data }, add: (chunk) => data.set(chunk.data, chunk.row * k) }
  },

  int8(n, k, slabs) {
    const data = slabs.allocate(Int8Array, n * k)
    const scales = slabs.allocate(Float32Array, n)
    return {
      packed: { precision: 'int8', data, scales },
      add({ row, rows, data: chunk }, name) {
        const part = quantiseInt8(chunk, rows, k, name)
        scales.set(part.scales, row)
        transposeInto(data, part.values, { n, k, row, rows })
      },
    }
  },

  int4(n, k, slabs) {
    const groups = int4GroupCount(k)
    const data = slabs.allocate(Uint8Array, n * groups * 64)
    const scales = slabs.allocate(Float32Array, n * groups)
    return {
      packed: { precision: 'int4', data, scales },
      add({ row, rows, data: chunk }, name) {
        const part = quantiseInt4(chunk, rows, k, name)
        data.set(part.packed, row * groups * 64)
        scales.set(float16ToFloat32(part.scales), row * groups)
      },
    }
  },
}

/** Writes `part` [rows, K] into columns row .. row + rows - 1 of `out` [K, N], 64 at a time: whole cache lines. */
function transposeInto(
  out: Int8Array,
  part: Int8Array,
  { n, k, row, rows }: { n: number; k: number; row: number; rows: number },
): void {
  for (let first = 0; first < rows; first += 64) {
    const count = Math.min(64, rows - first)
    for (let i = 0; i < k; i++) {
      const to = i * n + row + first
      const from = first * k + i
      for (let j = 0; j < count; j++) out[to + j] = part[from + j * k]
    }
  }
}
