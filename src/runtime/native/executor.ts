import { availableParallelism } from 'node:os'
import { PacelineError } from '../../errors.ts'
import type { CacheSpec, Graph, Weight } from '../../graph/index.ts'
import { elementCount, quantiseInt4, quantiseInt8, type Tensor, type TensorSource } from '../../tensor/index.ts'
import { checkPrefix } from '../cache-rules.ts'
import type { CompileOptions, Executable, Executor, KeysAndValues, KvCache, RunOptions } from '../executor.ts'
import { readWeightRows, rowsAndWidth, type WeightRows } from '../weight-rows.ts'
import { type Addon, type NativeCache, type NativeProgram, type NativeWeight, requireAddon } from './addon.ts'
import { lower } from './lowering.ts'

export interface NativeOptions {
  /** Threads of a run; all processors unless given. Results do not depend on it. */
  readonly threads?: number
  /** The kernels' instruction set; the best this processor has, or PACELINE_ISA, unless given. */
  readonly isa?: string
}

/** Rows that the kernels pack side by side: weights arrive in multiples of it. */
const panelRows = 16

/**
 * Runs graphs as native programs on the CPU, all of them on one team of threads: the threads of a second team would stay
 * awake for their next program where those of the first one work. Throws code `runtime` where the addon is not there.
 */
export function nativeExecutor({ threads = availableParallelism(), isa }: NativeOptions = {}): Executor {
  const team = sharedPool(threads)
  return {
    name: 'native',
    async compile(graph, source, options = {}) {
      const addon = requireAddon()
      const program = lower(graph)
      const kernels = isa ?? addon.isa()
      const weights = await packAll(addon, kernels, graph, source, options)
      return guarded(() => {
        const pool = team.acquire(addon)
        try {
          const native = new addon.Program(pool, { ...program, weights, isa: kernels })
          return new NativeExecutable(addon, native, graph, weights, team.release)
        } catch (error) {
          team.release()
          throw error
        }
      })
    },
  }
}

/** A pool that exists while somebody uses it. */
function sharedPool(threads: number) {
  let pool: InstanceType<Addon['Pool']> | undefined
  let users = 0
  return {
    acquire(addon: Addon) {
      pool ??= new addon.Pool(threads)
      users++
      return pool
    },
    release() {
      if (--users > 0) return
      pool?.dispose()
      pool = undefined
    },
  }
}

async function packAll(
  addon: Addon,
  isa: string,
  graph: Graph,
  source: TensorSource,
  { onProgress, signal }: CompileOptions,
) {
  const total = graph.weights.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  let done = 0
  const packed: NativeWeight[] = []
  for (const weight of graph.weights) {
    const { n, k } = rowsAndWidth(weight)
    const type = weight.shape.length === 1 ? 'vector' : weight.precision
    const native = guarded(() => new addon.Weight({ type, n, k, isa }))
    for await (const chunk of readWeightRows(weight, source, panelRows)) {
      signal?.throwIfAborted()
      guarded(() => addRows[type === 'vector' ? 'f32' : type](native, chunk, k, weight.sources.join(', ')))
      done += chunk.data.length
      onProgress?.(done, total)
    }
    packed.push(native)
  }
  return packed
}

const addRows: Record<Weight['precision'], (to: NativeWeight, rows: WeightRows, k: number, name: string) => void> = {
  f32: (to, { row, data }) => to.addF32(row, data),
  int8(to, { row, rows, data }, k, name) {
    const { values, scales } = quantiseInt8(data, rows, k, name)
    to.add(values, scales, row, rows)
  },
  int4(to, { row, rows, data }, k, name) {
    const { packed, scales } = quantiseInt4(data, rows, k, name)
    to.add(packed, scales, row, rows)
  },
}

class NativeExecutable implements Executable {
  readonly weightBytes: number
  readonly #addon: Addon
  readonly #program: NativeProgram
  readonly #graph: Graph
  readonly #outputs: readonly string[]
  #release: (() => void) | undefined

  constructor(
    addon: Addon,
    program: NativeProgram,
    graph: Graph,
    weights: readonly NativeWeight[],
    release: () => void,
  ) {
    this.#addon = addon
    this.#release = release
    this.#program = program
    this.#graph = graph
    this.#outputs = [...graph.outputs.keys()]
    this.weightBytes = weights.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async run(
    inputs: Readonly<Record<string, Tensor>>,
    { rows, outputs = this.#outputs }: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    const data = this.#graph.inputs.map(({ name, dtype, shape }) => {
      const input = inputs[name]
      if (
        !input ||
        input.dtype !== dtype ||
        !shape.every((size, i) => typeof size === 'string' || size === input.shape[i])
      )
        throw new PacelineError('argument', `the graph needs an input "${name}" of ${dtype} [${shape}]`)
      return input.data as Float32Array | Int32Array
    })
    const count = inputs[this.#graph.inputs[0].name].shape[0]
    const wanted = outputs.map((name) => this.#outputs.indexOf(name))
    const cache = (rows?.cache as Cache | undefined)?.native ?? null
    const { parents = null, held = 0, ridersFrom = count } = rows ?? {}
    const results = guarded(() => this.#program.run(count, data, cache, parents, wanted, held, ridersFrom))
    const named: Record<string, Tensor> = {}
    for (let i = 0; i < outputs.length; i++) {
      const { dtype, shape } = this.#graph.outputs.get(outputs[i])!
      named[outputs[i]] = { dtype, shape: [count, ...(shape.slice(1) as number[])], data: results[i] }
    }
    return named
  }

  createCache(capacity: number): KvCache {
    return guarded(() => new Cache(new this.#addon.Cache(this.#program, capacity), capacity, this.#graph.caches))
  }

  async dispose(): Promise<void> {
    this.#program.dispose()
    this.#release?.()
    this.#release = undefined
  }
}

class Cache implements KvCache {
  readonly native: NativeCache
  readonly capacity: number
  readonly #specs: readonly CacheSpec[]
  /** As the addon counts, which takes longer to ask than a drafter's step has time for. */
  #length = 0

  constructor(native: NativeCache, capacity: number, specs: readonly CacheSpec[]) {
    this.native = native
    this.capacity = capacity
    this.#specs = specs
  }

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.native.bytes
  }

  commit(path: ArrayLike<number>): void {
    guarded(() => this.native.commit(new Int32Array(path)))
    this.#length += path.length
  }

  truncate(length: number): void {
    guarded(() => this.native.truncate(length))
    this.#length = length
  }

  setPrefix(layers: readonly KeysAndValues[]): void {
    // Whether rows wait is known to the addon alone.
    const entries = checkPrefix(layers, this.#specs, { length: this.length, waiting: 0 })
    const parts = entries === 0 ? [] : layers
    guarded(() =>
      this.native.setPrefix(
        entries,
        parts.map(({ keys }) => keys),
        parts.map(({ values }) => values),
      ),
    )
  }

  dispose(): void {
    this.native.dispose()
  }
}

/** Errors of the addon as errors of the library. */
function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    if (PacelineError.isInstance(error)) throw error
    throw new PacelineError(code === 'argument' || code === 'context' ? code : 'runtime', message, { cause: error })
  }
}
