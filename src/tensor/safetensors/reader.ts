import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { allocate, type DType, type TypedArray } from '../dtype.ts'
import type { TensorInfo, TensorSource } from '../source.ts'
import { elementCount, type Tensor } from '../tensor.ts'
import { bytesOf, fileError, readFully } from './files.ts'
import { headerLength, parseHeader, prefixBytes, type StoredTensor } from './header.ts'
import { quote } from './json-reader.ts'

/** An open safetensors file. Tensors are read on demand; only the header stays in memory. */
export interface SafetensorsFile extends TensorSource {
  /** The file's `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Opens a safetensors file and validates its header. Close it when done.
 * Throws code `file` when it cannot be opened or read, `format` when it breaks a rule of the format.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = basename(path)
  const handle = await open(path, 'r').catch(fileError(file))
  try {
    const stat = await handle.stat().catch(fileError(file))
    if (!stat.isFile()) throw new PacelineError('file', `${file}: not a file: ${path}`)
    const prefix = new Uint8Array(Math.min(stat.size, prefixBytes))
    await readFully(handle, prefix, 0, file)
    const json = new Uint8Array(headerLength(prefix, stat.size, file))
    await readFully(handle, json, 8, file)
    const { tensors, metadata } = parseHeader(json, stat.size, file)
    return new OpenFile(handle, file, stat.size, tensors, metadata)
  } catch (error) {
    await handle.close()
    throw error
  }
}

class OpenFile implements SafetensorsFile {
  readonly infos: ReadonlyMap<string, TensorInfo>
  readonly metadata: ReadonlyMap<string, string>
  readonly #handle: FileHandle
  readonly #file: string
  readonly #size: number
  readonly #tensors: ReadonlyMap<string, StoredTensor>

  constructor(
    handle: FileHandle,
    file: string,
    size: number,
    tensors: ReadonlyMap<string, StoredTensor>,
    metadata: ReadonlyMap<string, string>,
  ) {
    this.#handle = handle
    this.#file = file
    this.#size = size
    this.#tensors = tensors
    this.metadata = metadata
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
