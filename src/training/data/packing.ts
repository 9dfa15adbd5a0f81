import type { PackedSplit } from './dataset.ts'

/** A stretch of a document's tokens that stands in one sequence. */
export interface Piece {
  /** First token and the one after the last, in the tokens of the split. */
  readonly from: number
  readonly end: number
  readonly document: number
}

/** Documents packed together: enough that little room is left, few enough that sequences differ in what is in them. */
const window = 2048

/**
 * Puts documents into sequences of `length` rows: best fit, the longest of a window first. A document that is longer is
 * cut; pieces in which nothing counts in the loss are left out.
 */
export function packSequences(
  split: PackedSplit,
  order: Iterable<number>,
  length: number,
  weightOf: (token: number, document: number) => number,
): Piece[][] {
  const sequences: Piece[][] = []
  let waiting: Piece[] = []
  const pack = () => {
    sequences.push(...bestFit(waiting, length))
    waiting = []
  }
  for (const document of order) {
    for (let from = split.starts[document]; from < split.starts[document + 1]; from += length) {
      const end = Math.min(from + length, split.starts[document + 1])
      const piece = { from, end, document }
      if (learnsFrom(split, piece, weightOf)) waiting.push(piece)
    }
    if (waiting.length >= window) pack()
  }
  pack()
  return sequences
}

/** Whether a row of the piece predicts a token that counts. */
function learnsFrom(
  { starts }: PackedSplit,
  { from, end, document }: Piece,
  weightOf: (token: number, document: number) => number,
): boolean {
  // From the end, where the response is.
  for (let token = Math.min(end, starts[document + 1] - 1); token > from; token--)
    if (weightOf(token, document) > 0) return true
  return false
}

function bestFit(pieces: readonly Piece[], length: number): Piece[][] {
  const sizeOf = ({ from, end }: Piece) => end - from
  const sequences: Piece[][] = []
  // roomy[n]: sequences with room for exactly n more rows.
  const roomy: Piece[][][] = Array.from({ length: length + 1 }, () => [])
  for (const piece of pieces.toSorted((a, b) => sizeOf(b) - sizeOf(a))) {
    let room = sizeOf(piece)
    while (room <= length && roomy[room].length === 0) room++
    let sequence: Piece[] | undefined
    if (room <= length) sequence = roomy[room].pop()!
    else {
      room = length
      sequence = []
      sequences.push(sequence)
    }
    sequence.push(piece)
    roomy[room - sizeOf(piece)].push(sequence)
  }
  return sequences
}
