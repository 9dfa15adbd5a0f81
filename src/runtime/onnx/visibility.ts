import { concatenated } from './cache.ts'

/** Who sees whom among the rows held from runs before and those of one run, numbered in this order. */
export interface Visibility {
  /** Rows of this run (of each block) from this one on see the prefix. */
  readonly ridersFrom: number
  /** How many are held. */
  readonly held: number
  readonly parents: Int32Array
  /** Rows above row i on its path: its distance from the end of the cache. */
  readonly depths: Int32Array
}

/** Low enough that its exponential is 0 beside any real score, and finite: sums with it never make NaN. */
const hidden = -1e9

/** `own`: parents of the rows of this run; `held`: those of the rows held. No rows are riders unless given. */
export function visibilityOf(
  own: Int32Array,
  held: Int32Array = new Int32Array(0),
  ridersFrom = own.length,
): Visibility {
  const parents = concatenated(held, own)
  const depths = new Int32Array(parents.length)
  for (let row = 0; row < parents.length; row++) depths[row] = parents[row] < 0 ? 0 : depths[parents[row]] + 1
  return { held: held.length, parents, depths, ridersFrom }
}

/** How the slots of a cache are taken: by a prefix, then positions, then rows held; the others are free. */
export interface Slots {
  readonly prefix: number
  readonly length: number
  readonly slots: number
}

/**
 * [1, 1, slots] where all rows see all `length` positions, and no more; [1, groups * rows, slots] with a window, with a
 * prefix, which riders see, or with rows held: they lie in the slots behind the positions, and a row sees those that it
 * descends from.
 */
export function pastBias(
  { prefix, length, slots }: Slots,
  visibility: Visibility,
  groups: number,
  window: number | null,
) {
  const { held, parents, depths, ridersFrom } = visibility
  if (window === null && held === 0 && prefix === 0) {
    const data = new Float32Array(slots).fill(hidden, length)
    return { dims: [1, 1, slots], data }
  }
  const rows = parents.length - held
  const data = new Float32Array(rows * slots * groups).fill(hidden)
  for (let row = 0; row < rows; row++) {
    const start = row * slots
    const oldest = window === null ? 0 : Math.max(0, length + depths[held + row] - window + 1)
    if (oldest < length) data.fill(0, start + prefix + oldest, start + prefix + length)
    if (row >= ridersFrom) data.fill(0, start, start + prefix)
    if (held > 0) show(data, start + prefix + length, held + row, visibility, { window, from: 0, to: held })
  }
  for (let group = 1; group < groups; group++) data.copyWithin(group * rows * slots, 0, rows * slots)
  return { dims: [1, groups * rows, slots], data }
}

/** [1, groups * rows, rows], rows of this run: a row sees itself and its ancestors, the `window` newest of them. */
export function rowBias(visibility: Visibility, groups: number, window: number | null) {
  const { held, parents } = visibility
  const rows = parents.length - held
  const data = new Float32Array(groups * rows * rows).fill(hidden)
  for (let row = 0; row < rows; row++)
    show(data, row * rows, held + row, visibility, { window, from: held, to: parents.length })
  for (let group = 1; group < groups; group++) data.copyWithin(group * rows * rows, 0, rows * rows)
  return { dims: [1, groups * rows, rows], data }
}

interface Looking {
  readonly window: number | null
  readonly from: number
  readonly to: number
}

/** Of rows `from` to `to`, whose places begin at `at`, shows `row` itself and its ancestors, the `window` newest of them. */
function show(
  data: Float32Array,
  at: number,
  row: number,
  { parents, depths }: Visibility,
  { window, from, to }: Looking,
): void {
  for (let seen = row; seen >= from && (window === null || depths[row] - depths[seen] < window); seen = parents[seen])
    if (seen < to) data[at + seen - from] = 0
}

/** [1, 1, groups * block, entries]: 0 where a row of a block is a rider and sees the prefix, -1e9 where not. */
export function prefixBias({ ridersFrom }: Visibility, block: number, groups: number, entries: number) {
  const data = new Float32Array(groups * block * entries)
  for (let group = 0; group < groups; group++)
    data.fill(hidden, group * block * entries, (group * block + ridersFrom) * entries)
  return { dims: [1, 1, groups * block, entries], data }
}

/** [blocks, 1, groups * block, block], with one block for all where all are alike; -1e9 where a row does not look. */
export function blockBias({ parents }: Visibility, block: number, groups: number, window: number | null) {
  const blocks = parents.length / block
  const alike = parents.every(
    (parent, row) => (parent < 0 ? -1 : parent - (row - (row % block))) === parents[row % block],
  )
  const size = groups * block * block
  const masks = Array.from({ length: alike ? 1 : blocks }, (_, b) => {
    const own = parents.slice(b * block, (b + 1) * block).map((parent) => (parent < 0 ? -1 : parent - b * block))
    return rowBias(visibilityOf(own), groups, window).data
  })
  const data = new Float32Array(masks.length * size)
  masks.forEach((mask, b) => {
    data.set(mask, b * size)
  })
  return { dims: [masks.length, 1, groups * block, block], data }
}
