import type { BitaSpec } from '../../checkpoint/index.ts'
import { type Tensor, tensor } from '../../tensor/index.ts'
import type { TokenBatch } from '../data/index.ts'
import { drawRows, type Place } from '../draws.ts'
import { rowsAhead, type TargetStates } from '../heads/index.ts'
import type { StepInputs } from '../trainer/index.ts'

/** Of `Place`. */
const kind = 6

export interface BitaInputOptions {
  readonly spec: Pick<BitaSpec, 'maskCount' | 'hiddenSize'>
  /** Of the target's tokens [vocab, hidden]. */
  readonly embeddings: Float32Array
  /** Groups of masks for each sequence. */
  readonly groups: number
  readonly place: Omit<Place, 'kind'>
}

/**
 * The inputs of `bitaObjective` of one batch: behind the text of each sequence, groups of masks, each group a branch that
 * goes off from a row of the text and sees what that row sees. Which rows those are is drawn by what their texts count.
 * Published are 64 groups behind rows that follow one another (Lin et al. 2024, section 3.2).
 */
export function bitaInputs(
  batch: TokenBatch,
  { answers }: Pick<TargetStates, 'answers'>,
  { spec: { maskCount, hiddenSize }, embeddings, groups, place }: BitaInputOptions,
): StepInputs {
  const { sequences, length } = batch
  const block = length + groups * maskCount
  const rows = sequences * block
  const ahead = Array.from({ length: maskCount }, (_, m) => rowsAhead(batch.parents, m + 1))
  const countsAt = (m: number, row: number) => (ahead[m][row] === row ? 0 : batch.weights[ahead[m][row]])

  const parents = new Int32Array(rows).fill(-1)
  const positions = new Int32Array(rows)
  const masks = new Int32Array(rows)
  const embedded = new Float32Array(rows * hiddenSize)
  const shown = new Float32Array(rows * hiddenSize)
  const total = sequences * groups
  const offsets = ahead.map(() => ({
    rows: new Int32Array(total),
    labels: new Int32Array(total),
    answers: new Int32Array(total),
    weights: new Float32Array(total),
  }))
  for (let sequence = 0; sequence < sequences; sequence++) {
    const [from, to] = [sequence * length, sequence * block]
    for (let i = 0; i < length; i++) {
      const token = batch.tokens[from + i] * hiddenSize
      embedded.set(embeddings.subarray(token, token + hiddenSize), (to + i) * hiddenSize)
      positions[to + i] = batch.positions[from + i]
      parents[to + i] = batch.parents[from + i] < 0 ? -1 : batch.parents[from + i] - from + to
    }
    const weights = Float32Array.from({ length }, (_, i) => countsAt(0, from + i))
    const behind = drawRows(weights, groups, { ...place, kind, at: [place.at[0], place.at[1] + sequence] })
    for (let group = 0; group < groups; group++) {
      // A group behind no row counts nothing.
      const anchor = behind[group]
      for (let m = 0, above = to + (anchor ?? 0); m < maskCount; m++) {
        const row = to + length + group * maskCount + m
        parents[row] = above
        positions[row] = positions[above] + 1
        masks[row] = m
        shown.fill(1, row * hiddenSize, (row + 1) * hiddenSize)
        above = row
        const place = sequence * groups + group
        offsets[m].rows[place] = row
        if (anchor === undefined) continue
        const about = ahead[m][from + anchor]
        offsets[m].labels[place] = batch.targets[about]
        offsets[m].answers[place] = answers[about]
        offsets[m].weights[place] = countsAt(m, from + anchor) > 0 ? 1 : 0
      }
    }
  }
  const inputs: Record<string, Tensor> = {
    embedded: tensor('f32', [rows, hiddenSize], embedded),
    masks: tensor('i32', [rows], masks),
    shown: tensor('f32', [rows, hiddenSize], shown),
    positions: tensor('i32', [rows], positions),
  }
  for (const [m, { weights, ...ids }] of offsets.entries()) {
    for (const [name, data] of Object.entries(ids)) inputs[`${name} ${m}`] = tensor('i32', [total], data)
    inputs[`weights ${m}`] = tensor('f32', [total], weights)
  }
  return { inputs, layout: { sequences, length: block, parents, ridersFrom: length }, tokens: sequences * length }
}
