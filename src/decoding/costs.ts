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
const turns = { least: 7, most: 25, ms: 300 }
const warmUpMs = 100
export const positions = 128

/**
 * v(T) from a few measured points [rows, v]: straight lines between them, the last one goes on. It never falls: what disturbs
 * a measurement makes it slower, so that a point above one of more rows is taken for that one.
 */
export function passCosts(rowMs: number, points: readonly (readonly [rows: number, v: number])[]): PassCosts {
  const line: [number, number][] = [[1, 1]]
  for (const [i, [rows]] of points.entries())
    line.push([rows, Math.max(1, Math.min(...points.slice(i).map(([, v]) => v)))])
  // Drafters ask again and again, between passes that take less than a tenth of a millisecond.
  const known: number[] = []
  return {
    rowMs,
    v: (rows) => {
      known[rows] ??= between(rows)
      return known[rows]
    },
  }

  function between(rows: number): number {
    if (line.length === 1) return 1
    const end = Math.max(
      1,
      line.findIndex(([at]) => at >= rows),
    )
    const [[x0, y0], [x1, y1]] = rows > line[line.length - 1][0] ? line.slice(-2) : [line[end - 1], line[end]]
    return y0 + ((rows - x0) / (x1 - x0)) * (y1 - y0)
  }
}

/**
 * Measures passes behind some 128 positions: each number of rows beside passes of one row, so that both see the machine
 * alike. Takes a few hundred passes, or a second. A pass of one row is one that follows another, as in plain decoding: behind a
 * large one it finds less in the processor's caches.
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
    for (let round = 0; goesOn(rounds, round, begun); round++)
      for (const [i, count] of rows.entries()) {
        await pass(target, 1)
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
 * Times of guesses of a draft model, in passes of the target of one row. The first of a step comes behind a pass of the target,
 * which leaves little of the draft model in the processor's caches, and has the next pass of the target find less of its own
 * there; those after it find what they need.
 */
export interface GuessCosts {
  readonly first: number
  readonly next: number
}

/** Measures passes of one row of `model` that yield `head`, in turns with such passes of `reference`. */
export async function measureGuessCosts(
  model: TargetModel,
  head: HeadOutput,
  reference: TargetModel,
): Promise<GuessCosts> {
  const ours = await amidText(model)
  try {
    return await betweenPasses(() => pass(ours, 1, head), reference)
  } finally {
    ours.dispose()
  }
}

/**
 * Times of `ours`, of which it tells the milliseconds, in passes of one row of `reference`: of one that comes behind such a
 * pass, with what the next such pass then takes longer, and of another one right behind it. Taken in turns, since two
 * measurements one after the other may see a machine with more to do and one with less.
 */
export async function betweenPasses(ours: () => Promise<number>, reference: TargetModel): Promise<GuessCosts> {
  const theirs = await amidText(reference)
  try {
    const turn = async () => {
      const [cold, warm] = [await ours(), await ours()]
      const [disturbed, unit] = [await pass(theirs, 1), await pass(theirs, 1)]
      return { first: (cold + disturbed - unit) / unit, next: warm / unit }
    }
    // A pass of a small model is mostly our own code around the kernels, which gets its speed by running.
    const begun = performance.now()
    for (let done = 0; done < 3 || performance.now() - begun < warmUpMs; done++) await turn()
    const seen: GuessCosts[] = []
    for (const warm = performance.now(); goesOn(turns, seen.length, warm); ) seen.push(await turn())
    const next = median(seen.map((costs) => costs.next))
    return { first: Math.max(next, median(seen.map((costs) => costs.first))), next }
  } finally {
    theirs.dispose()
  }
}

function goesOn({ least, most, ms }: typeof rounds, done: number, begun: number): boolean {
  return done < least || (done < most && performance.now() - begun < ms)
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
