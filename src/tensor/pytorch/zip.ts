import { fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl'
import { PacelineError } from '../../errors.ts'
import { quote } from '../safetensors/json-reader.ts'
import type { RandomAccess } from './bytes.ts'

/** Where the content of an entry lies, in bytes from the beginning of the archive. */
export interface ZipEntry {
  readonly start: number
  readonly size: number
}

/**
 * The entries of a zip archive by name. All of them are stored, not compressed, and lie within the archive.
 * Throws code `format` for what is no such archive, `unsupported` for compressed or encrypted entries.
 */
export async function listZip(bytes: RandomAccess, file: string): Promise<ReadonlyMap<string, ZipEntry>> {
  const entries = new Map<string, ZipEntry>()
  try {
    const zip = await fromRandomAccessReaderPromise(new Reader(bytes), bytes.size, { autoClose: false })
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName
      if (entry.compressionMethod !== 0 || entry.isEncrypted())
        throw new PacelineError(
          'unsupported',
          `${file}: the archive's entry ${quote(name)} is compressed or encrypted, which torch.save does not do: ` +
            'convert the file to safetensors.',
        )
      if (entries.has(name)) throw new Error(`it has two entries ${quote(name)}`)
      if (entries.size === maxEntries) throw new Error(`it has more than ${maxEntries} entries`)
      const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
      entries.set(name, { start: fileDataStart, size: entry.uncompressedSize })
    }
  } catch (cause) {
    if (PacelineError.isInstance(cause)) throw cause
    const problem = (cause as Error).message
    throw new PacelineError(
      'format',
      `${file}: not a whole zip archive of torch.save: ${problem}. Download it again.`,
      {
        cause,
      },
    )
  }
  return entries
}

/** An entry of no content takes 76 bytes in the archive, and several times that in memory. */
const maxEntries = 2 ** 17

class Reader extends RandomAccessReader {
  readonly #bytes: RandomAccess

  constructor(bytes: RandomAccess) {
    super()
    this.#bytes = bytes
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    if (position + length > this.#bytes.size) callback(new Error(`it leads to byte ${position}, beyond its end`))
    else this.#bytes.read(buffer.subarray(offset, offset + length), position).then(() => callback(null), callback)
  }
}
