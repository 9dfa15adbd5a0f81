import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PacelineError } from '../../errors.ts'
import type { Program } from './lowering.ts'

/*
 * The face of the C++ addon (native/). It checks everything it is given: a wrong call is an error, never a crash.
 */

export type WeightKind = 'f32' | 'int8' | 'int4' | 'vector'

/** A weight in the form that the kernels read, filled in steps of whole rows, in order. */
export interface NativeWeight {
  /** Rows [rows, K] of a weight of kind f32 or vector. */
  addF32(row: number, data: Float32Array): void
  /** Quantised rows, as `quantiseInt8` and `quantiseInt4` make them. */
  add(values: Int8Array | Uint8Array, scales: Float32Array | Uint16Array, row: number, rows: number): void
  readonly bytes: number
}

export interface NativeCache {
  readonly length: number
  readonly bytes: number
  commit(path: Int32Array): void
  truncate(length: number): void
  setPrefix(count: number, keys: readonly Float32Array[], values: readonly Float32Array[]): void
  dispose(): void
}

export interface NativeProgram {
  run(
    rows: number,
    inputs: readonly (Float32Array | Int32Array)[],
    cache: NativeCache | null,
    parents: Int32Array | null,
    wanted: readonly number[],
    held: number,
    riders: number,
  ): (Float32Array | Int32Array)[]
  dispose(): void
}

export interface Addon {
  /** The instruction set in use: avx512vnni, avx2, neon, portable; PACELINE_ISA names another. */
  isa(): string
  availableIsas(): string[]
  /** Hands memory that the process, ONNX Runtime included, has freed back to the system (glibc; else nothing happens). */
  releaseMemory(): void
  readonly Pool: new (threads: number) => { dispose(): void }
  readonly Weight: new (shape: { type: WeightKind; n: number; k: number; isa: string }) => NativeWeight
  readonly Program: new (
    pool: InstanceType<Addon['Pool']>,
    program: Program & { weights: readonly NativeWeight[]; isa: string },
  ) => NativeProgram
  readonly Cache: new (program: NativeProgram, capacity: number) => NativeCache
}

const folder = fileURLToPath(new URL('../../../native/', import.meta.url))

/** The file of this platform in a folder: build/Release first (compiled here), then prebuilds/. Throws when there is none. */
interface NodeGypBuild {
  resolve(folder: string): string
}

/** The addon, or why it is not there. Nothing is loaded before the first call. */
export function loadAddon(): Addon | { readonly reason: string } {
  const require = createRequire(import.meta.url)
  let file: string
  try {
    file = (require('node-gyp-build') as NodeGypBuild).resolve(folder)
  } catch {
    return { reason: installFailure() ?? 'it has not been built (npm run build:native)' }
  }
  try {
    return require(file) as Addon
  } catch (error) {
    return { reason: installFailure() ?? (error as Error).message }
  }
}

/** The addon. Throws code `runtime` with the reason when it is not there. */
export function requireAddon(): Addon {
  const addon = loadAddon()
  if ('reason' in addon) throw new PacelineError('runtime', `the native executor is not available: ${addon.reason}`)
  return addon
}

/** What the installation wrote when it found no binary and could not compile one. */
function installFailure(): string | undefined {
  const file = join(folder, 'build', 'failure.txt')
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}
