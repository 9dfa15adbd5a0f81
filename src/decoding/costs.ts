import { median } from '../median.ts'
import type { HeadOutput, LearnedRiders, Target, TargetModel } from '../model/index.ts'

/** What forward passes of a model cost on this machine. */
export interface PassCosts {
  /** A pass of one row, in milliseconds. */
  readonly rowMs: number
  /** v(T): a pass of `rows` rows, in passes of one. Never falls. */
  v(rows: number): number
}

const measuredRows = [2, 3, 4, 6, 8, 12, 16, 24, 32]
/** As many as there is time for: passes of a small model are short, and easily disturbed. */
const rounds = { least: 5, most: 25, ms: 1000 }
const turns = 25
export const warmUpMs = 100
export const positions = 128

/**
 * v(T) from a few measured points [rows, v]: straight lines between them, the last one goes on. It never falls: what disturbs
 * a measurement makes it slower, so that a point above one of more rows is taken for that one.
 */
export function passCosts(rowMs: number, points: readonly (readonly [rows: number, v: number])[]): PassCosts {
  const line: [number, number][] = [[1, 1]]
  for (const [i, [rows]] of points.entries())
    line.push([rows, Math.max(1, Math.min(...points.slice(i).map(([, v]) => v)))])
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
 * alike. Takes about 100 passes, or a second.
 */
export async function measureCosts(model: TargetModel): Promise<PassCosts> {
  const target = await amidText(model)
  try {
    const largest = target.capacity - target.length
    const rows = measuredRows.filter((count) => count <= largest)
    for (const count of [1, ...rows]) await pass(target, count)
    const ones: number[] = []
    const ratios = rows.map((): number[] => [])
    const begun = performance.now()
    const goesOn = (round: number) =>
      round < rounds.least || (round < rounds.most && performance.now() - begun < rounds.ms)
    for (let round = 0; goesOn(round); round++)
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

/**
 * Time of a pass of one row of `model`, which yields `head`, in such passes of `reference`: taken in turns, since two
 * measurements one after the other may see a machine with more to do and one with less.
 */
export async function measureRelativeCost(
  model: TargetModel,
  head: HeadOutput,
  reference: TargetModel,
): Promise<number> {
  const ours = await amidText(model)
  try {
    return await relativeCost(() => pass(ours, 1, head), reference)
  } finally {
    ours.dispose()
  }
}

/** Time that `ours` takes, of which it tells the milliseconds, in passes of one row of `reference`: taken in turns. */
export async function relativeCost(ours: () => Promise<number>, reference: TargetModel): Promise<number> {
  const theirs = await amidText(reference)
  try {
    const ratio = async () => (await ours()) / (await pass(theirs, 1))
    // A pass of a small model is mostly our own code around the kernels, which gets its speed by running.
    const begun = performance.now()
    for (let turn = 0; turn < 3 || performance.now() - begun < warmUpMs; turn++) await ratio()
    const ratios: number[] = []
    for (let turn = 0; turn < turns; turn++) ratios.push(await ratio())
    return median(ratios)
  } finally {
    theirs.dispose()
  }
}

/** A text in the making of some 128 positions, whose passes may have these riders. */
export async function amidText(model: TargetModel, riders?: LearnedRiders): Promise<Target> {
  const target = model.createTarget()
  if (riders) target.setRiders(riders)
  const filled = Math.min(positions, target.capacity >> 1)
  await pass(target, filled)
  target.commit(Array.from({ length: filled }, (_, i) => i))
  return target
}

/** Milliseconds of a pass of a chain of `rows` rows. Nothing is committed. */
export async function pass(target: Target, rows: number, head: HeadOutput = 'argmax'): Promise<number> {
  const tokens = Int32Array.from({ length: rows }, (_, i) => i % 7)
  const from = performance.now()
  await target.forward({ tokens, parents: tokens.map((_, i) => i - 1) }, { head })
  return performance.now() - from
}
