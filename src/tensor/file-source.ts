import type { FileHandle } from 'node:fs/promises'
import { PacelineError } from '../errors.ts'
import { allocate, type DType, type TypedArray } from './dtype.ts'
import { bytesOf, fileError, readFully } from './safetensors/files.ts'
import type { StoredTensor } from './safetensors/header.ts'
import { quote } from './safetensors/json-reader.ts'
import type { TensorInfo, TensorSource } from './source.ts'
import { elementCount, type Tensor } from './tensor.ts'

/** Tensors of an open file whose elements lie one after another, row-major. They are read on demand. */
export class FileSource implements TensorSource {
  readonly infos: ReadonlyMap<string, TensorInfo>
  readonly #handle: FileHandle
  readonly #file: string
  readonly #size: number
  readonly #tensors: ReadonlyMap<string, StoredTensor>

  /** Takes over `handle`. `size`: bytes of the file; every tensor lies within them. `file` names it in messages. */
  constructor(handle: FileHandle, file: string, size: number, tensors: ReadonlyMap<string, StoredTensor>) {
    this.#handle = handle
    this.#file = file
    this.#size = size
    this.#tensors = tensors
    this.infos = new Map(
      Array.from(tensors, ([name, { type, shape }]) => [name, { name, dtype: type.dtype, shape, file }]),
    )
  }

  async read(name: string): Promise<Tensor> {
    const stored = this.#find(name)
    return this.#readRange(name, stored, stored.shape, 0)
  }

  async readRows(name: string, start: number, end: number): Promise<Tensor> {
    const stored = this.#find(name)
    const [rows, ...rest] = stored.shape
    const valid = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= rows
    if (!valid)
      throw new PacelineError(
        'argument',
        `${this.#file}: tensor ${quote(name)}: rows ${start} to ${end} are not rows of shape [${stored.shape}]`,
      )
    return this.#readRange(name, stored, [end - start, ...rest], start * elementCount(rest))
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  #find(name: string): StoredTensor {
    const stored = this.#tensors.get(name)
    if (stored === undefined) throw new PacelineError('checkpoint', `${this.#file}: there is no tensor ${quote(name)}`)
    return stored
  }

  /** Reads a tensor of `shape` from `stored`, beginning at its element `first`. */
  async #readRange(
    name: string,
    { type, start }: StoredTensor,
    shape: readonly number[],
    first: number,
  ): Promise<Tensor> {
    const { dtype } = type
    const where = `${this.#file}: tensor ${quote(name)}`
    if (dtype === null)
      throw new PacelineError(
        'unsupported',
        `${where}: elements of type ${type.name} cannot be read, convert them to BF16 or F32`,
      )
    // A file that is still being written or downloaded would yield a mixture.
    const { size } = await this.#handle.stat().catch(fileError(where))
    if (size !== this.#size)
      throw new PacelineError(
        'file',
        `${where}: the file had ${this.#size} bytes when it was opened and now has ${size}: open it again`,
      )
    const data = this.#allocate(dtype, elementCount(shape), where)
    await readFully(this.#handle, bytesOf(data), start + first * data.BYTES_PER_ELEMENT, where)
    return { dtype, shape, data }
  }

  #allocate(dtype: DType, length: number, where: string): TypedArray {
    try {
      return allocate(dtype, length)
    } catch (cause) {
      throw new PacelineError('unsupported', `${where}: ${length} elements do not fit in one array: read it by rows`, {
        cause,
      })
    }
  }
}
