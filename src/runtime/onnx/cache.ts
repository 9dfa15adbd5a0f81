import { PacelineError } from '../../errors.ts'
import type { CacheSpec } from '../../graph/index.ts'
import { checkPath, checkRoom, checkTruncate } from '../cache-rules.ts'
import type { KvCache } from '../executor.ts'

interface Layer extends CacheSpec {
  keys: Float32Array // [kvHeads, slots, headDim]
  values: Float32Array
}

/** Keys and values of the rows of the last run, per layer, each [kvHeads, rows, headDim]. */
export interface StagedRows {
  readonly parents: Int32Array
  readonly layers: readonly { readonly keys: Float32Array; readonly values: Float32Array }[]
}

const slotStep = 128

/**
 * The cache as arrays that enter the graph as inputs. ONNX Runtime's Node binding copies every output, so a cache that
 * came back from each run would cost more than the layers; this one takes only the new rows back.
 */
export class FunctionalCache implements KvCache {
  readonly capacity: number
  readonly #layers: Layer[]
  #length = 0
  #slots = 0
  #staged: StagedRows | undefined

  constructor(specs: readonly CacheSpec[], capacity: number) {
    this.capacity = capacity
    this.#layers = specs.map((spec) => ({ ...spec, keys: new Float32Array(0), values: new Float32Array(0) }))
    this.#grow(Math.min(slotStep, capacity))
  }

  get length(): number {
    return this.#length
  }

  /** Positions there is room for now; those from `length` on are hidden from every row. */
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

  /** Throws code `context` when `rows` more positions would not fit. */
  checkRoom(rows: number): void {
    checkRoom(rows, this.#length, this.capacity)
  }

  stage(staged: StagedRows): void {
    this.#staged = staged
  }

  commit(path: ArrayLike<number>): void {
    const staged = this.#staged
    if (!staged) throw new PacelineError('argument', 'commit: no run since the last commit or truncate')
    checkPath(path, staged.parents)
    const needed = this.#length + path.length
    // A quarter more than needed: the copies of all growth together stay below five times the cache.
    if (needed > this.#slots) this.#grow(Math.min(this.capacity, Math.ceil((needed * 1.25) / slotStep) * slotStep))
    const rows = staged.parents.length
    this.#layers.forEach((layer, l) => {
      appendRows(layer.keys, staged.layers[l].keys, { layer, path, rows, slots: this.#slots, at: this.#length })
      appendRows(layer.values, staged.layers[l].values, { layer, path, rows, slots: this.#slots, at: this.#length })
    })
    this.#length = needed
    this.#staged = undefined
  }

  truncate(length: number): void {
    checkTruncate(length, this.#length)
    this.#length = length
    this.#staged = undefined
  }

  dispose(): void {
    this.#length = 0
    this.#staged = undefined
    this.#grow(0)
  }

  #grow(slots: number): void {
    for (const layer of this.#layers) {
      layer.keys = regrown(layer.keys, layer, this.#length, this.#slots, slots)
      layer.values = regrown(layer.values, layer, this.#length, this.#slots, slots)
    }
    this.#slots = slots
  }
}

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

interface Append {
  readonly layer: CacheSpec
  readonly path: ArrayLike<number>
  readonly rows: number
  readonly slots: number
  readonly at: number
}

function appendRows(
  past: Float32Array,
  fresh: Float32Array,
  { layer: { kvHeads, headDim }, path, rows, slots, at }: Append,
): void {
  for (let head = 0; head < kvHeads; head++) {
    for (let i = 0; i < path.length; i++) {
      const from = (head * rows + path[i]) * headDim
      past.set(fresh.subarray(from, from + headDim), (head * slots + at + i) * headDim)
    }
  }
}
