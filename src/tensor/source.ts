import type { DType } from './dtype.ts'
import type { Tensor } from './tensor.ts'

/** What is known about a stored tensor before its data is read. */
export interface TensorInfo {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Where it is stored, for messages: a file name, or "random weights". */
  readonly file: string
}

/** Named tensors that are read on demand: one safetensors file, a sharded folder, or weights made up for a measurement. */
export interface TensorSource {
  readonly infos: ReadonlyMap<string, TensorInfo>
  /** Reads one whole tensor. Throws code `checkpoint` for an unknown name. */
  read(name: string): Promise<Tensor>
  /** Reads rows `start .. end - 1` of the first dimension. */
  readRows(name: string, start: number, end: number): Promise<Tensor>
  close(): Promise<void>
}
