import type { ModelSpec } from '../checkpoint/index.ts'
import { noise } from '../graph/noise.ts'
import { tinyModel } from '../model/tiny.ts'
import { type Tensor, tensor } from '../tensor/index.ts'
import type { BatchLayout } from './step.ts'

export const tinySpec = (fields: Partial<ModelSpec> = {}): ModelSpec => tinyModel(fields).spec

/** A micro-batch for tests: random tokens in chains, a new document in the middle of every second sequence. */
export function tinyBatch(vocabSize: number, sequences: number, length: number, seed = 1) {
  const rows = sequences * length
  const random = noise(rows * 2, seed)
  const token = (i: number) => Math.floor(((random[i] + 1) / 2) * vocabSize)
  const starts = (row: number) =>
    row % length === 0 || (row % length === length >> 1 && Math.floor(row / length) % 2 === 1)
  const parents = Int32Array.from({ length: rows }, (_, row) => (starts(row) ? -1 : row - 1))
  const positions = new Int32Array(rows)
  for (let row = 0; row < rows; row++) positions[row] = parents[row] < 0 ? 0 : positions[row - 1] + 1
  const ids = Int32Array.from({ length: rows }, (_, row) => token(row))
  const inputs: Record<string, Tensor> = {
    tokens: tensor('i32', [rows], ids),
    positions: tensor('i32', [rows], positions),
    targets: tensor(
      'i32',
      [rows],
      Int32Array.from(ids, (id, row) => ids[row + 1] ?? id),
    ),
    weights: tensor(
      'f32',
      [rows],
      Float32Array.from(ids, (_, row) => (row % 5 === 4 ? 0 : 0.5 + (row % 2))),
    ),
  }
  const layout: BatchLayout = { sequences, length, parents }
  return { inputs, layout }
}
