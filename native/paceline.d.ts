// What paceline.node exports. Every error thrown has a `code`: 'argument' (a call or a program that makes
// no sense), 'context' (rows do not fit the cache) or 'runtime' (memory, threads, an instruction set that cannot run here).

/** The instruction set in use: the best one, or the one named by the environment variable PACELINE_ISA. */
export function isa(): string
/** All that this processor runs, best first. */
export function availableIsas(): string[]
/**
 * Hands memory that the process has freed back to the system. glibc keeps blocks below 32 MiB in its heaps, whoever freed
 * them; elsewhere this does nothing.
 */
export function releaseMemory(): void

/** `threads` threads in all, the caller's included (1 .. 256). */
export class Pool {
  constructor(threads: number)
  readonly threads: number
  dispose(): void
}

/**
 * f32, int8, int4: a linear weight [n, k], packed as it is filled. vector: n * k plain floats (gains, biases; k is 1 there).
 * Rows arrive in order (`rowStart` is the number of rows so far), any number at a time.
 */
export class Weight {
  constructor(description: { type: 'f32' | 'int8' | 'int4' | 'vector'; n: number; k: number; isa?: string })
  /** f32 and vector: [rows, k]. */
  addF32(rowStart: number, values: Float32Array): void
  /** int8: values [rows, k] in -127 .. 127, scales [rows]. int4: packed [rows, groups, 64], scales [rows, groups] f16 bits. */
  add(values: Int8Array, scales: Float32Array, rowStart: number, rows: number): void
  add(packed: Uint8Array, scales: Uint16Array, rowStart: number, rows: number): void
  /** Bytes kept, in the packed form. */
  readonly bytes: number
  /** Gives up this handle; programs made with the weight keep it. */
  dispose(): void
}

/** See src/program.h. */
export interface ProgramDescription {
  arenaWidth: number
  ops: Int32Array
  constants: Float32Array
  weights: readonly Weight[]
  inputs: Int32Array
  outputs: Int32Array
  caches: Int32Array
  tables: readonly { frequencies: Float64Array; scale: number; positions: number }[]
  isa?: string
}

export class Program {
  constructor(pool: Pool, description: ProgramDescription)
  /**
   * `held`: how many of the rows since the cache's last commit or truncate stay beside those of this run; 0 unless given.
   * `riders`: rows of this run from this one on see the cache's prefix; none unless given.
   */
  run(
    rows: number,
    inputs: readonly (Float32Array | Int32Array)[],
    cache: Cache | null,
    parents: Int32Array | null,
    wanted: Int32Array | readonly number[],
    held?: number | null,
    riders?: number | null,
  ): (Float32Array | Int32Array)[]
  /** Bytes of the arena and scratch memory; grows with the rows of a run. */
  readonly bytes: number
  dispose(): void
}

/** Keys and values of the attention layers of programs with the same `caches` as `program`. */
export class Cache {
  constructor(program: Program, capacity: number)
  readonly length: number
  readonly capacity: number
  readonly bytes: number
  /** Appends these of the rows since the last commit or truncate: a path from a row whose parent is -1 downwards. */
  commit(path: Int32Array): void
  truncate(length: number): void
  /**
   * Puts keys and values in front of the positions, which riders see and no other row does: of each layer [count, kvHeads,
   * headDim]. A count of 0, without layers, takes them away. The cache must be empty.
   */
  setPrefix(count: number, keys: readonly Float32Array[], values: readonly Float32Array[]): void
  dispose(): void
}
