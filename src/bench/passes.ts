import type { Target } from '../model/index.ts'

/** Positions computed at a time while a cache is filled. */
const fillRows = 256

/** Puts `count` positions into the cache of `target`. */
export async function fill(target: Target, count: number, onProgress?: (share: number) => void): Promise<void> {
  for (let filled = 0; filled < count; ) {
    const rows = Math.min(fillRows, count - filled)
    await target.forward(chainOf(rows), {})
    target.commit(Int32Array.from({ length: rows }, (_, i) => i))
    filled += rows
    onProgress?.(filled / count)
  }
}

/** Milliseconds of a pass of `rows` rows behind what is in the cache, which it leaves as it was. */
export async function timePass(target: Target, rows: number, head?: 'argmax'): Promise<number> {
  const pass = chainOf(rows)
  const from = performance.now()
  await target.forward(pass, head ? { head } : {})
  return performance.now() - from
}

function chainOf(rows: number) {
  return {
    tokens: Int32Array.from({ length: rows }, (_, i) => i % 7),
    parents: Int32Array.from({ length: rows }, (_, i) => i - 1),
  }
}
