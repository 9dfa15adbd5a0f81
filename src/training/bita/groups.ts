import { philox4x32 } from '../../decoding/index.ts'

/** Keeps these numbers apart from all others that philox is asked for. */
const kind = 6

/** Says which numbers chance gives: the same wherever it is the same. */
export interface Place {
  readonly seed: number
  /** Two numbers below 2^32 that name the batch. */
  readonly at: readonly [number, number]
}

/**
 * `count` rows of these, rising, drawn without replacement with chances as their weights: those of the largest keys
 * u^(1/weight) (Efraimidis & Spirakis 2006). All that weigh anything where there are no more.
 */
export function drawRows(weights: Float32Array, count: number, { seed, at }: Place): number[] {
  const words = new Uint32Array(4)
  const keys: { readonly row: number; readonly key: number }[] = []
  for (const [row, weight] of weights.entries()) {
    if (!(weight > 0)) continue
    philox4x32(words, row, at[0], at[1], kind, seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0)
    keys.push({ row, key: Math.log((words[0] + 0.5) / 2 ** 32) / weight })
  }
  keys.sort((a, b) => b.key - a.key || a.row - b.row)
  return keys
    .slice(0, count)
    .map(({ row }) => row)
    .sort((a, b) => a - b)
}
