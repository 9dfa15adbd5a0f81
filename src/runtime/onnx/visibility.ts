/** Who sees whom among the rows of one run. */
export interface Visibility {
  readonly parents: Int32Array
  /** Rows above row i on its path: its distance from the end of the cache. */
  readonly depths: Int32Array
}

/** Low enough that its exponential is 0 beside any real score, and finite: sums with it never make NaN. */
const hidden = -1e9

export function visibilityOf(parents: Int32Array): Visibility {
  const depths = new Int32Array(parents.length)
  for (let row = 0; row < parents.length; row++) depths[row] = parents[row] < 0 ? 0 : depths[parents[row]] + 1
  return { parents, depths }
}

/** [1, 1, slots] without a window, where all rows see all `length` positions; [1, groups * rows, slots] with one. */
export function pastBias(length: number, slots: number, { depths }: Visibility, groups: number, window: number | null) {
  if (window === null) {
    const data = new Float32Array(slots).fill(hidden, length)
    return { dims: [1, 1, slots], data }
  }
  const rows = depths.length
  const data = new Float32Array(rows * slots * groups).fill(hidden)
  for (let row = 0; row < rows; row++) {
    const oldest = Math.max(0, length + depths[row] - window + 1)
    for (let group = 0; group < groups; group++) {
      const start = (group * rows + row) * slots
      if (oldest < length) data.fill(0, start + oldest, start + length)
    }
  }
  return { dims: [1, groups * rows, slots], data }
}

/** [1, groups * rows, rows]: a row sees itself and its ancestors, the `window` newest of them. */
export function rowBias({ parents, depths }: Visibility, groups: number, window: number | null) {
  const rows = parents.length
  const data = new Float32Array(groups * rows * rows).fill(hidden)
  for (let row = 0; row < rows; row++) {
    for (let seen = row; seen >= 0 && (window === null || depths[row] - depths[seen] < window); seen = parents[seen])
      data[row * rows + seen] = 0
  }
  for (let group = 1; group < groups; group++) data.copyWithin(group * rows * rows, 0, rows * rows)
  return { dims: [1, groups * rows, rows], data }
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
