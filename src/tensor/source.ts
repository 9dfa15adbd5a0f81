import type { DType } from './dtype.ts'
import type { Tensor } from './tensor.ts'

/** What is known about a stored tensor before its data is read. */
export interface TensorInfo {
  readonly name: string
  /** `null`: an element type this library cannot read (F64, F8_E4M3 ...). Its shape is known, but reading it throws. */
  readonly dtype: DType | null
  readonly shape: readonly number[]
  /** Where it is stored, for messages: a file name, or "random weights". */
  readonly file: string
}

/** Named tensors that are read on demand: one safetensors file, a sharded folder, or weights made up for a measurement. */
export interface TensorSource {
  readonly infos: ReadonlyMap<string, TensorInfo>
  /**
   * Reads one whole tensor. Throws code `checkpoint` for an unknown name, `unsupported` for an element type that cannot
   * be read, `file` when reading fails.
   */
  read(name: string): Promise<Tensor>
  /** Reads rows `start .. end - 1` of the first dimension. Throws as `read` does, and code `argument` for other rows. */
  readRows(name: string, start: number, end: number): Promise<Tensor>
  close(): Promise<void>
}
