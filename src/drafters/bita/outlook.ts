import type { BitaShape } from './trees.ts'

/** What lies ahead of a step. */
export interface Outlook {
  /** Tokens per time (a pass of one row) in the long run. */
  readonly speed: number
  /**
   * Tokens more, in the long run, of a step that is followed by one with guesses for so many depths than of one that is followed
   * by a step without any.
   */
  readonly worth: readonly number[]
}

/** A shape and what comes of it. */
export interface Decision {
  readonly shape: BitaShape
  /** Expected. */
  readonly tokens: number
  readonly time: number
  /** The chance that the next step begins with guesses for so many depths. */
  readonly next: readonly number[]
}

/** How often a step begins a text and so has no guesses, at least: without it, what is worth most might never be tried. */
const newText = 1 / 64

/**
 * Long-run speed and worth of fixed shapes. The value of a step that begins with guesses for i depths is
 * value[i] = tokens[i] - speed * time[i] + sum over j of next[i][j] * worth[j], with value[0] = 0, and worth[j] is value[j] times
 * the chance that the text goes on.
 */
export function outlookOf(decisions: readonly Decision[]): Outlook {
  const rows = decisions.map(({ tokens, time, next }, i) => {
    const moved = next.map((chance, j) => (j === 0 ? time : (i === j ? 1 : 0) - (1 - newText) * chance))
    return [...moved, tokens]
  })
  const [speed, ...values] = solve(rows)
  return { speed, worth: [0, ...values.map((value) => (1 - newText) * value)] }
}

/** x of A x = b by elimination, the largest pivot first; `rows` are those of A with b behind. */
function solve(rows: number[][]): number[] {
  const size = rows.length
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++)
      if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row
    ;[rows[column], rows[pivot]] = [rows[pivot], rows[column]]
    for (let row = 0; row < size; row++) {
      if (row === column) continue
      const factor = rows[row][column] / rows[column][column]
      for (let at = column; at <= size; at++) rows[row][at] -= factor * rows[column][at]
    }
  }
  return rows.map((row, i) => row[size] / row[i])
}
