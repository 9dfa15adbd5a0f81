import { PacelineError } from '../../errors.ts'
import type { CacheSpec } from '../../graph/index.ts'
import { checkHeld, checkParents, checkPath, checkPrefix, checkRoom, checkTruncate } from '../cache-rules.ts'
import type { KeysAndValues, KvCache } from '../executor.ts'

interface Layer extends CacheSpec {
  keys: Float32Array // [kvHeads, slots, headDim]
  values: Float32Array
}

/** The rows of a run that has ended, with keys and values per layer, each [kvHeads, rows, headDim]. */
export interface StagedRows {
  readonly parents: Int32Array
  readonly layers: readonly { readonly keys: Float32Array; readonly values: Float32Array }[]
}

const nothing: StagedRows = { parents: new Int32Array(0), layers: [] }

const slotStep = 128

/**
 * The cache as arrays that enter the graph as inputs. ONNX Runtime's Node binding copies every output, so a cache that
 * came back from each run would cost more than the layers; this one takes only the new rows back. Rows held for a run
 * enter it as the positions do: they lie in the slots behind them.
 */
export class FunctionalCache implements KvCache {
  readonly capacity: number
  readonly #layers: Layer[]
  #length = 0
  #slots = 0
  #prefix = 0
  /** Parents of the rows that have run since the last commit or truncate and lie in slots `length` and on. */
  #held: Int32Array = nothing.parents
  /** The rows behind those: of the last run. */
  #staged: StagedRows = nothing

  constructor(specs: readonly CacheSpec[], capacity: number) {
    this.capacity = capacity
    this.#layers = specs.map((spec) => ({ ...spec, keys: new Float32Array(0), values: new Float32Array(0) }))
    this.#grow(Math.min(slotStep, capacity))
  }

  get length(): number {
    return this.#length
  }

  /** Entries of the prefix: they lie in the first slots, positions behind them. */
  get prefix(): number {
    return this.#prefix
  }

  /** Slots there are now; those behind prefix, `length` and the rows held are hidden from every row. */
  get slots(): number {
    return this.#slots
  }

  get bytes(): number {
    return this.#layers.reduce((sum, { keys, values }) => sum + keys.byteLength + values.byteLength, 0)
  }

  past(layer: number) {
    const { keys, values, kvHeads, headDim } = this.#layers[layer]
    const dims = [kvHeads, this.#slots, headDim]
    return { keys: { dims, data: keys }, values: { dims, data: values } }
  }

  /** Throws unless a run of rows with these parents can follow the first `held` of those that wait. */
  check(parents: ArrayLike<number>, held: number): void {
    checkHeld(held, this.#held.length + this.#staged.parents.length)
    checkParents(parents, held)
    checkRoom(parents.length, held, this.#length, this.capacity)
  }

  /** Parents of the rows in the slots behind `length`. */
  get held(): Int32Array {
    return this.#held
  }

  /** Puts the first `held` of the rows that wait into the slots behind `length`, and forgets the others. */
  hold(held: number): void {
    const here = this.#held.length
    const fresh = held - here
    if (fresh > 0) {
      this.#append(
        Array.from({ length: fresh }, (_, i) => here + i),
        here,
      )
      this.#held = concatenated(this.#held, this.#staged.parents.subarray(0, fresh))
    } else this.#held = this.#held.subarray(0, held)
    this.#staged = nothing
  }

  /** The rows of a run that has ended, behind those held. */
  stage(staged: StagedRows): void {
    this.#staged = staged
  }

  commit(path: ArrayLike<number>): void {
    const parents = concatenated(this.#held, this.#staged.parents)
    if (parents.length === 0) throw new PacelineError('argument', 'commit: no run since the last commit or truncate')
    checkPath(path, parents)
    this.#append(path, 0)
    this.#length += path.length
    this.#forget()
  }

  truncate(length: number): void {
    checkTruncate(length, this.#length)
    this.#length = length
    this.#forget()
  }

  setPrefix(layers: readonly KeysAndValues[]): void {
    const waiting = this.#held.length + this.#staged.parents.length
    const entries = checkPrefix(layers, this.#layers, { length: this.#length, waiting })
    this.#prefix = 0
    if (entries > this.#slots) this.#grow(entries)
    this.#prefix = entries
    for (const [l, { kvHeads, headDim, keys, values }] of this.#layers.entries())
      for (let head = 0; head < kvHeads; head++)
        for (let entry = 0; entry < entries; entry++) {
          const from = (entry * kvHeads + head) * headDim
          const to = (head * this.#slots + entry) * headDim
          keys.set(layers[l].keys.subarray(from, from + headDim), to)
          values.set(layers[l].values.subarray(from, from + headDim), to)
        }
  }

  dispose(): void {
    this.#length = 0
    this.#prefix = 0
    this.#forget()
    this.#grow(0)
  }

  #forget(): void {
    this.#held = nothing.parents
    this.#staged = nothing
  }

  /** Copies rows that wait to the slots from `length + at` on; rows of slots that are written over must come first. */
  #append(rows: ArrayLike<number>, at: number): void {
    const needed = this.#prefix + this.#length + at + rows.length
    // A quarter more than needed: the copies of all growth together stay below five times the cache.
    if (needed > this.#slots)
      this.#grow(Math.min(this.#prefix + this.capacity, Math.ceil((needed * 1.25) / slotStep) * slotStep))
    const [held, count] = [this.#held.length, this.#staged.parents.length]
    this.#layers.forEach(({ keys, values, kvHeads, headDim }, l) => {
      const copy = (past: Float32Array, fresh: Float32Array | undefined) => {
        for (let head = 0; head < kvHeads; head++) {
          const first = head * this.#slots + this.#prefix + this.#length
          for (let i = 0; i < rows.length; i++) {
            const row = rows[i]
            const to = (first + at + i) * headDim
            const from = (row < held ? first + row : head * count + row - held) * headDim
            if (row < held) past.copyWithin(to, from, from + headDim)
            else past.set(fresh!.subarray(from, from + headDim), to)
          }
        }
      }
      copy(keys, this.#staged.layers[l]?.keys)
      copy(values, this.#staged.layers[l]?.values)
    })
  }

  #grow(slots: number): void {
    const kept = this.#prefix + this.#length + this.#held.length
    for (const layer of this.#layers) {
      layer.keys = regrown(layer.keys, layer, kept, this.#slots, slots)
      layer.values = regrown(layer.values, layer, kept, this.#slots, slots)
    }
    this.#slots = slots
  }
}

/** The first `length` slots of each head in arrays of `to` slots. */
function regrown(
  old: Float32Array,
  { kvHeads, headDim }: CacheSpec,
  length: number,
  from: number,
  to: number,
): Float32Array {
  const grown = new Float32Array(kvHeads * to * headDim)
  for (let head = 0; head < kvHeads; head++) {
    const start = head * from * headDim
    grown.set(old.subarray(start, start + length * headDim), head * to * headDim)
  }
  return grown
}

export function concatenated(a: Int32Array, b: Int32Array): Int32Array {
  if (a.length === 0) return b
  const all = new Int32Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all
}
