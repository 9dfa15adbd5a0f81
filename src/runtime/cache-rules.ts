import { PacelineError } from '../errors.ts'
import type { CacheSpec, Graph } from '../graph/index.ts'
import type { KeysAndValues } from './executor.ts'

/** Throws unless `path` runs from a row whose parent is -1 downwards, each row the child of the one before. */
export function checkPath(path: ArrayLike<number>, parents: ArrayLike<number>): void {
  for (let i = 0; i < path.length; i++) {
    const before = i === 0 ? -1 : path[i - 1]
    if (!(path[i] >= 0 && path[i] < parents.length) || parents[path[i]] !== before)
      throw new PacelineError(
        'argument',
        `commit: rows ${Array.from(path)} are not a path of the ${parents.length} rows since the last commit`,
      )
  }
}

/** Throws unless each of these rows, which come behind `held` others, has -1 or an earlier row for a parent. */
export function checkParents(parents: ArrayLike<number>, held = 0): void {
  for (let i = 0; i < parents.length; i++) {
    if (!(Number.isInteger(parents[i]) && parents[i] >= -1 && parents[i] < held + i))
      throw new PacelineError('argument', `row ${held + i} has parent ${parents[i]}, expected -1 or an earlier row`)
  }
}

/** `waiting`: rows that have run since the last commit or truncate. */
export function checkHeld(held: number, waiting: number): void {
  if (!(Number.isInteger(held) && held >= 0 && held <= waiting))
    throw new PacelineError(
      'argument',
      `held: expected 0 to ${waiting}, the rows since the last commit or truncate, got ${held}`,
    )
}

/** Throws code `context` unless `rows` rows fit behind `held` others. */
export function checkRoom(rows: number, held: number, length: number, capacity: number): void {
  if (length + held + rows > capacity)
    throw new PacelineError(
      'context',
      `${held + rows} rows after ${length} positions do not fit a cache of ${capacity} positions${held > 0 ? ` (${held} of them held)` : ''}`,
    )
}

export function checkTruncate(to: number, length: number): void {
  if (!(Number.isInteger(to) && to >= 0 && to <= length))
    throw new PacelineError('argument', `truncate: expected a length from 0 to ${length}, got ${to}`)
}

/** Throws unless riders, if there are any, are the last of `rows` rows. */
export function checkRiders(ridersFrom: number, rows: number): void {
  if (!(Number.isInteger(ridersFrom) && ridersFrom >= 0 && ridersFrom <= rows))
    throw new PacelineError('argument', `riders: expected the number of the first one, 0 to ${rows}, got ${ridersFrom}`)
}

/**
 * The entries of a prefix for a cache of these layers that holds `length` positions and as many rows that wait. Throws code
 * `argument` where it may not be put there.
 */
export function checkPrefix(
  layers: readonly KeysAndValues[],
  specs: readonly CacheSpec[],
  { length, waiting }: { readonly length: number; readonly waiting: number },
): number {
  if (length > 0 || waiting > 0)
    throw new PacelineError('argument', 'a prefix needs an empty cache: truncate it to 0 before')
  if (layers.length === 0) return 0
  const sizes = specs.map(({ kvHeads, headDim }) => kvHeads * headDim)
  const entries = layers[0].keys.length / sizes[0]
  const fits = layers.every(
    ({ keys, values }, i) => keys.length === entries * sizes[i] && values.length === entries * sizes[i],
  )
  if (layers.length !== specs.length || !Number.isInteger(entries) || !fits)
    throw new PacelineError(
      'argument',
      `a prefix has keys and values of ${specs.length} layers, as many entries of each, [kvHeads, headDim] = ` +
        specs.map(({ kvHeads, headDim }) => `[${kvHeads}, ${headDim}]`).join(', '),
    )
  return entries
}

/** For a run without a cache. */
export function requireCache(graph: Graph, held = 0): void {
  if (graph.caches.length > 0)
    throw new PacelineError('argument', 'this graph keeps keys and values: the run needs a cache for its rows')
  if (held !== 0) throw new PacelineError('argument', `${held} rows held: only a run with a cache has rows to hold`)
}

/** Throws unless the rows are whole blocks and every parent lies in its row's block. */
export function checkBlocks(parents: ArrayLike<number>, block = parents.length): void {
  checkParents(parents)
  if (!(Number.isInteger(block) && block >= 1 && parents.length % block === 0))
    throw new PacelineError('argument', `${parents.length} rows are not whole blocks of ${block}`)
  for (let i = 0; i < parents.length; i++) {
    if (parents[i] >= 0 && parents[i] < i - (i % block))
      throw new PacelineError('argument', `row ${i} has parent ${parents[i]} outside its block of ${block} rows`)
  }
}
