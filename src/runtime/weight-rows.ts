import { PacelineError } from '../errors.ts'
import type { Weight } from '../graph/index.ts'
import { type TensorSource, toFloat32 } from '../tensor/index.ts'

/** Some rows of a weight, in f32: rows `row` to `row + rows - 1` of [N, K]. */
export interface WeightRows {
  readonly row: number
  readonly rows: number
  readonly data: Float32Array // [rows, K]; the next chunk overwrites it
}

/** Weights are read about a million elements at a time: the f32 form of a large one never exists as a whole. */
const chunkElements = 1 << 20

/** [N, K] of a weight; a vector is N rows of one element. */
export function rowsAndWidth({ shape }: Weight): { n: number; k: number } {
  return { n: shape[0], k: shape.slice(1).reduce((a, b) => a * b, 1) }
}

/**
 * Reads a weight from its checkpoint tensors, which stand one below the other, in chunks whose row counts are multiples
 * of `multiple` (but for the last). Throws code `shape` when the tensors do not add up to the weight.
 */
export async function* readWeightRows(
  weight: Weight,
  source: TensorSource,
  multiple: number,
): AsyncGenerator<WeightRows> {
  const { n, k } = rowsAndWidth(weight)
  const capacity = Math.min(n, Math.max(1, Math.floor(chunkElements / k / multiple)) * multiple)
  const data = new Float32Array(capacity * k)
  let done = 0
  let filled = 0
  for (const name of weight.sources) {
    const rows = source.infos.get(name)?.shape[0] ?? 0
    for (let start = 0; start < rows; ) {
      const end = Math.min(rows, start + capacity - filled)
      const part = toFloat32(await source.readRows(name, start, end))
      if (part.length !== (end - start) * k || done + filled + end - start > n) throw mismatch(weight)
      checkFinite(part, name, start, k)
      data.set(part, filled * k)
      filled += end - start
      start = end
      if (filled === capacity || done + filled === n) {
        yield { row: done, rows: filled, data: data.subarray(0, filled * k) }
        done += filled
        filled = 0
      }
    }
  }
  if (done !== n) throw mismatch(weight)
}

/** Infinity and NaN would come out as gibberish or as an argmax of 0, far from where they are. */
function checkFinite(values: Float32Array, name: string, firstRow: number, k: number): void {
  let poison = 0
  for (let i = 0; i < values.length; i++) poison += values[i] * 0
  if (poison === 0) return
  const row = firstRow + Math.floor(values.findIndex((value) => !Number.isFinite(value)) / k)
  throw new PacelineError(
    'checkpoint',
    `tensor "${name}": row ${row} holds NaN or infinity; the file is damaged or was saved so`,
  )
}

function mismatch(weight: Weight): PacelineError {
  return new PacelineError('shape', `tensors ${weight.sources.join(', ')} do not add up to [${weight.shape}]`)
}
