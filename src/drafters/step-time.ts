import type { PassCosts } from '../decoding/index.ts'

/** How far what a step took is believed: as much less, and more, than its passes should take. */
const believed = { least: 0.7, most: 2 }

/**
 * Time of a step in passes of the target of one row, of which `expected` is what its passes should take: by the clock where
 * there was one, since code around the passes takes time, what they leave of one another in the processor's caches is
 * no constant, and a machine may change. What is far from it was something else.
 */
export function stepTime(ms: number | undefined, expected: number, { rowMs }: Pick<PassCosts, 'rowMs'>): number {
  if (ms === undefined) return expected
  return Math.min(believed.most * expected, Math.max(believed.least * expected, ms / rowMs))
}
