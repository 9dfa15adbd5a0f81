import { PacelineError } from '../../errors.ts'
import type { Weight } from '../../graph/index.ts'
import { float16ToFloat32, quantiseInt4, quantiseInt8, type TensorSource, toFloat32 } from '../../tensor/index.ts'
import type { Slabs } from './slabs.ts'

/** A weight in the layout that ONNX Runtime's operator for its precision wants. */
export type PackedWeight =
  | { readonly precision: 'f32'; readonly data: Float32Array } // the checkpoint's own [N, K], or any other shape
  | { readonly precision: 'int8'; readonly data: Int8Array; readonly scales: Float32Array } // [K, N], [N]
  | { readonly precision: 'int4'; readonly data: Uint8Array; readonly scales: Float32Array } // [N, groups, 64], [N, groups]

/** Rows are read and packed about a million elements at a time: the f32 form of a large weight never exists as a whole. */
const chunkElements = 1 << 20

/**
 * Reads a weight from its checkpoint tensors and packs it. `onChunk` hears how many elements each step packed.
 * Throws code `shape` when the tensors do not add up to the weight.
 */
export async function packWeight(
  weight: Weight,
  source: TensorSource,
  slabs: Slabs,
  onChunk: (elements: number) => void,
): Promise<PackedWeight> {
  const [n, k] = [weight.shape[0], weight.shape.slice(1).reduce((a, b) => a * b, 1)]
  const packer = packers[weight.precision](n, k, slabs)
  const rowsPerChunk = Math.max(1, Math.floor(chunkElements / k))
  let row = 0
  for (const name of weight.sources) {
    const rows = source.infos.get(name)?.shape[0] ?? 0
    for (let start = 0; start < rows; start += rowsPerChunk) {
      const end = Math.min(rows, start + rowsPerChunk)
      const chunk = toFloat32(await source.readRows(name, start, end))
      if (chunk.length !== (end - start) * k || row + end - start > n) throw mismatch(weight)
      packer.add(chunk, row, end - start, name)
      row += end - start
      onChunk(chunk.length)
    }
  }
  if (row !== n) throw mismatch(weight)
  return packer.packed
}

interface Packer {
  readonly packed: PackedWeight
  /** Takes `rows` rows [rows, K] that belong at `row`. */
  add(chunk: Float32Array, row: number, rows: number, name: string): void
}

const packers: Record<Weight['precision'], (n: number, k: number, slabs: Slabs) => Packer> = {
  f32(n, k, slabs) {
    const data = slabs.allocate(Float32Array, n * k)
    return { packed: { precision: 'f32', data }, add: (chunk, row) => data.set(chunk, row * k) }
  },

  int8(n, k, slabs) {
    const data = slabs.allocate(Int8Array, n * k)
    const scales = slabs.allocate(Float32Array, n)
    return {
      packed: { precision: 'int8', data, scales },
      add(chunk, row, rows, name) {
        const part = quantiseInt8(chunk, rows, k, name)
        scales.set(part.scales, row)
        transposeInto(data, part.values, { n, k, row, rows })
      },
    }
  },

  int4(n, k, slabs) {
    const groups = Math.ceil(k / 128)
    const data = slabs.allocate(Uint8Array, n * groups * 64)
    const scales = slabs.allocate(Float32Array, n * groups)
    return {
      packed: { precision: 'int4', data, scales },
      add(chunk, row, rows, name) {
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

function mismatch(weight: Weight): PacelineError {
  return new PacelineError('shape', `tensors ${weight.sources.join(', ')} do not add up to [${weight.shape}]`)
}
