import type { Target, TargetModel } from '../model/index.ts'

/** What forward passes of a model cost on this machine. */
export interface PassCosts {
  /** A pass of one row, in milliseconds. */
  readonly rowMs: number
  /** v(T): a pass of `rows` rows, in passes of one. Never falls. */
  v(rows: number): number
}

const measuredRows = [2, 3, 4, 6, 8, 12, 16, 24, 32]
const rounds = 5
const positions = 128

/** v(T) from a few measured points [rows, v]: straight lines between them, the last one goes on. */
export function passCosts(rowMs: number, points: readonly (readonly [rows: number, v: number])[]): PassCosts {
  const line: [number, number][] = [[1, 1]]
  for (const [rows, v] of points) line.push([rows, Math.max(v, line[line.length - 1][1])])
  return {
    rowMs,
    v(rows) {
      if (line.length === 1) return 1
      const end = Math.max(
        1,
        line.findIndex(([at]) => at >= rows),
      )
      const [[x0, y0], [x1, y1]] = rows > line[line.length - 1][0] ? line.slice(-2) : [line[end - 1], line[end]]
      return y0 + ((rows - x0) / (x1 - x0)) * (y1 - y0)
    },
  }
}

/**
 * Measures passes behind some 128 positions: each number of rows beside passes of one row, so that both see the machine
 * alike. Takes about 80 passes.
 */
export async function measureCosts(model: TargetModel): Promise<PassCosts> {
  const target = model.createTarget()
  try {
    const filled = Math.min(positions, target.capacity >> 1)
    const largest = target.capacity - filled
    await pass(target, filled)
    target.commit(Array.from({ length: filled }, (_, i) => i))
    const rows = measuredRows.filter((count) => count <= largest)
    for (const count of [1, ...rows]) await pass(target, count)
    const ones: number[] = []
    const ratios = rows.map((): number[] => [])
    for (let round = 0; round < rounds; round++)
      for (const [i, count] of rows.entries()) {
        const one = await pass(target, 1)
        ratios[i].push((await pass(target, count)) / one)
        ones.push(one)
      }
    return passCosts(
      median(ones),
      rows.map((count, i) => [count, median(ratios[i])] as const),
    )
  } finally {
    target.dispose()
  }
}

/** Milliseconds of a pass of a chain of `rows` rows. Nothing is committed. */
async function pass(target: Target, rows: number): Promise<number> {
  const tokens = Int32Array.from({ length: rows }, (_, i) => i % 7)
  const from = performance.now()
  await target.forward({ tokens, parents: tokens.map((_, i) => i - 1) }, { head: 'argmax' })
  return performance.now() - from
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]
}
