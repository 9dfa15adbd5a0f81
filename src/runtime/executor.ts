import type { Graph } from '../graph/index.ts'
import type { Tensor, TensorSource } from '../tensor/index.ts'

/**
 * Turns graphs into something that runs. The executors (native CPU, ONNX Runtime, the reference interpreter) differ in
 * speed and in the last bits of a result, in nothing else: no code above this folder asks which one it has.
 */
export interface Executor {
  readonly name: string
  /** Reads the graph's weights from `source` and prepares it to run. */
  compile(graph: Graph, source: TensorSource, options?: CompileOptions): Promise<Executable>
}

export interface CompileOptions {
  /** Called as weights are read: elements done so far and in all. */
  readonly onProgress?: (done: number, total: number) => void
  /** Checked between weights; the reason is thrown. */
  readonly signal?: AbortSignal
}

export interface Executable {
  /** Runs the graph once and returns the outputs asked for. Throws code `argument` or `shape` for inputs that do not fit. */
  run(inputs: Readonly<Record<string, Tensor>>, options?: RunOptions): Promise<Record<string, Tensor>>
  /** An empty cache for up to `capacity` positions; any number may exist side by side over the same weights. */
  createCache(capacity: number): KvCache
  /** Bytes the weights take in the form they are kept in. */
  readonly weightBytes: number
  dispose(): Promise<void>
}

export interface RunOptions {
  /**
   * Needed by a graph with attention. The keys and values of the rows wait in the cache until `commit` takes some of
   * them, or a later run forgets them.
   */
  readonly rows?: RowLayout
  /** Names of the outputs to return; all unless given. What stays inside costs no copy. */
  readonly outputs?: readonly string[]
}

/** How the rows of one run see one another and what came before. */
export interface RowLayout {
  /** Needed where attention reads a cache; without one, a graph's rows see nothing but one another. */
  readonly cache?: KvCache
  /**
   * For each row of the run the row before it on its path: -1, when it follows the last position of the cache, or the
   * number of an earlier row, parents[i] < held + i.
   */
  readonly parents: Int32Array
  /**
   * How many of the rows that have run since the last commit or truncate stay; those behind them are forgotten. They
   * keep their numbers, and the rows of this run are held, held + 1, .. None unless given; only with a cache. Throws
   * code `argument` when there are not so many. A row sees of them what it descends from, so that a tree may grow level
   * by level.
   */
  readonly held?: number
  /**
   * Of this run (with `block`: of each block) the rows from this one on are riders: they see the prefix, where there is one,
   * before all else. None are unless given. What rows before them yield does not depend on riders.
   */
  readonly ridersFrom?: number
  /**
   * Without a cache: the rows are blocks of this many, and no path leaves its block, so that only rows of one block need
   * comparing. All rows are one block unless given.
   */
  readonly block?: number
}

/** Keys and values of one layer, each [entries, kvHeads, headDim], row by row. */
export interface KeysAndValues {
  readonly keys: Float32Array
  readonly values: Float32Array
}

/** Keys and values of every attention layer for the positions decided so far. */
export interface KvCache {
  /** Positions held. */
  readonly length: number
  readonly capacity: number
  /** Bytes allocated now; grows with `length`. */
  readonly bytes: number
  /**
   * Appends these rows, in this order: a path from a row whose parent is -1 downwards. The others that have run since the
   * commit before are forgotten.
   */
  commit(path: ArrayLike<number>): void
  /** Forgets the positions from `length` on. */
  truncate(length: number): void
  /**
   * Puts learned keys and values, layer by layer, in front of the positions, where riders see them and no other row does;
   * they take none of the capacity and have no position. None of them takes away those there are. Throws code `argument`
   * unless the cache is empty and they fit its layers.
   */
  setPrefix(layers: readonly KeysAndValues[]): void
  dispose(): void
}
