import { PacelineError } from '../errors.ts'
import { type CacheSpec, type Graph, type InterpreterState, interpret, type RowKeysAndValues } from '../graph/index.ts'
import { toFloat32 } from '../tensor/index.ts'
import {
  checkBlocks,
  checkHeld,
  checkParents,
  checkPath,
  checkPrefix,
  checkRiders,
  checkRoom,
  checkTruncate,
  requireCache,
} from './cache-rules.ts'
import type { Executor, KeysAndValues, KvCache, RowLayout } from './executor.ts'

/** The reference interpreter as an executor: slow and obvious, the oracle of the others in tests. */
export const referenceExecutor: Executor = {
  name: 'reference',
  async compile(graph, source, { signal } = {}) {
    const weights = new Map<number, Float32Array>()
    for (const weight of graph.weights) {
      signal?.throwIfAborted()
      const parts = await Promise.all(weight.sources.map(async (name) => toFloat32(await source.read(name))))
      const data = new Float32Array(weight.shape.reduce((a, b) => a * b, 1))
      let at = 0
      for (const part of parts) {
        data.set(part, at)
        at += part.length
      }
      weights.set(weight.id, data)
    }
    return {
      weightBytes: [...weights.values()].reduce((sum, data) => sum + data.byteLength, 0),
      async run(inputs, { rows, outputs = [...graph.outputs.keys()] } = {}) {
        const cache = rows?.cache as ReferenceCache | undefined
        if (rows && !cache) {
          requireCache(graph, rows.held)
          checkBlocks(rows.parents, rows.block)
        }
        const state = cache
          ? cache.begin(rows!)
          : {
              past: [],
              parents: rows?.parents ?? [],
              fresh: [],
              ...(rows?.ridersFrom !== undefined && { isRider: ridersOfBlocks(rows) }),
            }
        const results = interpret(graph, (weight) => weights.get(weight.id)!, inputs, state)
        cache?.stage(state)
        return Object.fromEntries(outputs.map((name) => [name, results[name]]))
      },
      createCache: (capacity) => new ReferenceCache(graph, capacity),
      async dispose() {},
    }
  },
}

/** Of a run without a cache: whether a row is one of the riders of its block. */
function ridersOfBlocks({ parents, block = parents.length, ridersFrom = block }: RowLayout): (row: number) => boolean {
  checkRiders(ridersFrom, block)
  return (row) => row % block >= ridersFrom
}

const nothing: Pick<InterpreterState, 'parents' | 'fresh'> = { parents: [], fresh: [] }

class ReferenceCache implements KvCache {
  readonly capacity: number
  readonly #layers: RowKeysAndValues[]
  readonly #specs: readonly CacheSpec[]
  #prefix: RowKeysAndValues[] = []
  /** Rows that have run since the last commit or truncate, and were not forgotten. */
  #waiting: Pick<InterpreterState, 'parents' | 'fresh'> = nothing

  constructor(graph: Graph, capacity: number) {
    this.capacity = capacity
    this.#specs = graph.caches
    this.#layers = graph.caches.map(() => ({ keys: [], values: [] }))
  }

  get length(): number {
    return this.#layers[0]?.keys.length ?? 0
  }

  get bytes(): number {
    return this.#layers.reduce((sum, { keys }) => sum + keys.reduce((s, key) => s + 2 * key.byteLength, 0), 0)
  }

  /** The state of a run over rows with these parents, behind the first `held` of those that wait. */
  begin({ parents, held = 0, ridersFrom = parents.length }: RowLayout): InterpreterState {
    checkHeld(held, this.#waiting.parents.length)
    checkParents(parents, held)
    checkRoom(parents.length, held, this.length, this.capacity)
    checkRiders(ridersFrom, parents.length)
    return {
      past: this.#layers,
      prefix: this.#prefix,
      isRider: (row) => row >= ridersFrom,
      parents: [...Array.from(this.#waiting.parents).slice(0, held), ...Array.from(parents)],
      held: this.#waiting.fresh.map(({ keys, values }) => ({
        keys: keys.slice(0, held),
        values: values.slice(0, held),
      })),
      fresh: [],
    }
  }

  /** The rows of a run that has ended. */
  stage(state: InterpreterState): void {
    this.#waiting = state
  }

  commit(path: ArrayLike<number>): void {
    const { parents, fresh } = this.#waiting
    if (parents.length === 0) throw new PacelineError('argument', 'commit: no run since the last commit or truncate')
    checkPath(path, parents)
    this.#layers.forEach(({ keys, values }, layer) => {
      for (const row of Array.from(path)) {
        keys.push(fresh[layer].keys[row])
        values.push(fresh[layer].values[row])
      }
    })
    this.#waiting = nothing
  }

  truncate(length: number): void {
    checkTruncate(length, this.length)
    for (const layer of this.#layers) {
      layer.keys.length = length
      layer.values.length = length
    }
    this.#waiting = nothing
  }

  setPrefix(layers: readonly KeysAndValues[]): void {
    checkPrefix(layers, this.#specs, { length: this.length, waiting: this.#waiting.parents.length })
    this.#prefix = layers.map(({ keys, values }, layer) => {
      const size = this.#specs[layer].kvHeads * this.#specs[layer].headDim
      const entries = (data: Float32Array) =>
        Array.from({ length: data.length / size }, (_, i) => data.slice(i * size, (i + 1) * size))
      return { keys: entries(keys), values: entries(values) }
    })
  }

  dispose(): void {
    this.truncate(0)
  }
}
