import { type Tensor, tensor } from '../../tensor/index.ts'
import type { TokenBatch } from '../data/index.ts'
import { drawOrder, type Place, uniforms } from '../draws.ts'
import type { StepInputs } from '../trainer/index.ts'
import type { TrajectorySplit } from './dataset.ts'

/** Of `Place`: which iterates, which of them are corrected, and where. */
const [drawn, corrected, corrections] = [7, 8, 9]

export interface ConsistencyInputOptions {
  /** Tokens of a block. */
  readonly block: number
  /** Room behind each sequence: so many iterates of a whole block. */
  readonly iterates: number
  /** Share of iterates of which half the wrong tokens are corrected. */
  readonly augment: number
  readonly place: Omit<Place, 'kind'>
}

/** An iterate of a block that stands in a sequence. */
interface Candidate {
  /** The row of the last token that it has right, or of the token before the block. */
  readonly from: number
  /** What stands behind, from its first wrong token on. */
  readonly tail: Uint32Array
  /** What is right there. */
  readonly right: Uint32Array
  /** Whether the iterate after it is not the fixed point yet. */
  readonly early: boolean
  /** In drawing. */
  readonly weight: number
}

/**
 * The inputs of `consistencyObjective` of one batch: behind the text of each sequence, iterates, each a branch that goes
 * off where its first wrong token stands. What it has right before that the text has too, so that nothing could be learned
 * there. A branch has no row of the last token of its block, which nothing is predicted from.
 *
 * Iterates are drawn until no further one has room: every block as likely as any other, and of its iterates each. Of a
 * share `augment` of them half as many wrong tokens as there are, drawn with replacement, are corrected, but never the
 * first one, nor any in the last iterate before the fixed point: natural iterates hardly show what it is worth to keep a
 * token that is right behind a wrong one (Kou et al. 2024).
 */
export function consistencyInputs(
  batch: TokenBatch,
  split: TrajectorySplit,
  options: ConsistencyInputOptions,
): StepInputs {
  const { sequences, length } = batch
  const { block, iterates, augment, place } = options
  const room = iterates * (block - 1)
  const size = length + room
  const rows = sequences * size
  const tokens = new Int32Array(rows)
  const positions = new Int32Array(rows)
  const parents = new Int32Array(rows).fill(-1)
  const text = new Int32Array(sequences * length)
  const students = Int32Array.from(
    { length: sequences * room },
    (_, i) => Math.floor(i / room) * size + length + (i % room),
  )
  const teachers = new Int32Array(students.length)
  const labels = new Int32Array(students.length)
  const before = Int32Array.from(students.keys())
  const counts = new Float32Array(students.length)
  let branches = 0
  for (let sequence = 0; sequence < sequences; sequence++) {
    const [first, to] = [sequence * length, sequence * size]
    for (let i = 0; i < length; i++) {
      text[first + i] = to + i
      tokens[to + i] = batch.tokens[first + i]
      positions[to + i] = batch.positions[first + i]
      parents[to + i] = batch.parents[first + i] < 0 ? -1 : batch.parents[first + i] - first + to
    }
    const at = [place.at[0], place.at[1] + sequence] as const
    const candidates = candidatesOf(batch, split, sequence)
    const order = drawOrder(
      candidates.map(({ weight }) => weight),
      { ...place, at, kind: drawn },
    )
    const isCorrected = uniforms({ ...place, at, kind: corrected })
    let used = 0
    for (const which of order) {
      const candidate = candidates[which]
      const { from, right, early } = candidate
      if (used + right.length - 1 > room) continue
      const chosen = early && isCorrected(which) < augment
      const tail = chosen ? correct(candidate, which, { ...place, at, kind: corrections }) : candidate.tail
      branches++
      for (let i = 0; i + 1 < tail.length; i++) {
        const student = sequence * room + used++
        const row = students[student]
        tokens[row] = tail[i]
        positions[row] = batch.positions[first + from] + 1 + i
        parents[row] = i === 0 ? to + from : row - 1
        before[student] = i === 0 ? student : student - 1
        // The text's row of the same position, which has the right token.
        teachers[student] = to + from + 1 + i
        labels[student] = right[i + 1]
        counts[student] = 1
      }
    }
  }
  const weight = batch.weights.reduce((sum, count) => sum + count, 0)
  const learned = counts.reduce((sum, count) => sum + count, 0)
  const ids = (data: Int32Array) => tensor('i32', [data.length], data)
  // Both losses are means, of text and of iterates, which are added up over batches by the weight of the text.
  const shared = (by: number) =>
    tensor(
      'f32',
      [counts.length],
      counts.map((count) => (by === 0 ? 0 : (count * weight) / by)),
    )
  const inputs: Record<string, Tensor> = {
    tokens: ids(tokens),
    positions: ids(positions),
    text: ids(text),
    targets: ids(batch.targets),
    weights: tensor('f32', [batch.weights.length], batch.weights),
    students: ids(students),
    teachers: ids(teachers),
    labels: ids(labels),
    before: ids(before),
    'student weights': shared(learned),
    'branch weights': shared(branches),
  }
  return { inputs, layout: { sequences, length: size, parents }, tokens: sequences * length }
}

/** Iterates, from which something is to be learned, of the blocks that are in a sequence as wholes. */
function candidatesOf(batch: TokenBatch, split: TrajectorySplit, sequence: number): Candidate[] {
  const { length } = batch
  const first = sequence * length
  const candidates: Candidate[] = []
  for (let row = 1; row < length; row++) {
    const start = batch.places[first + row]
    if (start < 0 || batch.parents[first + row] !== first + row - 1) continue
    const block = blockAt(split, start)
    if (block === undefined) continue
    const size = split.blockSizes[block]
    const last = first + row + size - 1
    // Where a text is cut, so may a block be.
    if (row + size > length || batch.places[last] !== start + size - 1) continue
    const [begin, end] = [split.firstIterates[block], split.firstIterates[block + 1]]
    const tails: Omit<Candidate, 'weight'>[] = []
    for (let iterate = begin; iterate < end; iterate++) {
      const tail = split.tails.subarray(split.tailStarts[iterate], split.tailStarts[iterate + 1])
      if (tail.length < 2) continue
      const known = size - tail.length
      const right = Uint32Array.from(split.tokens.subarray(start + known, start + size))
      tails.push({ from: row - 1 + known, tail, right, early: iterate + 1 < end })
    }
    for (const tail of tails) candidates.push({ ...tail, weight: 1 / tails.length })
  }
  return candidates
}

/** The block that begins with this token; by bisection. */
function blockAt({ blockStarts }: TrajectorySplit, token: number): number | undefined {
  let [low, high] = [0, blockStarts.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (blockStarts[middle] < token) low = middle + 1
    else high = middle
  }
  return blockStarts[low] === token ? low : undefined
}

function correct({ tail, right }: Candidate, which: number, place: Place): Uint32Array {
  const wrong = [...tail.keys()].filter((i) => tail[i] !== right[i])
  const behind = wrong.slice(1)
  const uniform = uniforms(place)
  const changed = tail.slice()
  if (behind.length > 0)
    for (let i = 0; i < wrong.length >> 1; i++) {
      // No block has more tokens.
      const at = behind[Math.floor(uniform(which * 64 + i) * behind.length)]
      changed[at] = right[at]
    }
  return changed
}
