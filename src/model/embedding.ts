import { PacelineError } from '../errors.ts'
import { copyAsFloat32, elementCount, type TensorSource } from '../tensor/index.ts'

/** Tables up to this size are kept in memory, as stored; rows of larger ones are read from the checkpoint when needed. */
const defaultResidentBytes = 64 << 20

/** Token id -> its vector. */
export interface Embedding {
  readonly bytes: number
  /** Rows [tokens, hidden]. Throws code `argument` for an id outside the vocabulary. */
  lookup(tokens: ArrayLike<number>): Promise<Float32Array>
}

/** Opens the embedding table `name` [vocab, hidden] of a checkpoint. */
export async function openEmbedding(
  source: TensorSource,
  name: string,
  residentBytes = defaultResidentBytes,
): Promise<Embedding> {
  const { shape, dtype } = source.infos.get(name)!
  const [vocab, hidden] = shape
  const table = elementCount(shape) * (dtype === 'f32' ? 4 : 2) <= residentBytes ? await source.read(name) : undefined
  return {
    bytes: table?.data.byteLength ?? 0,
    async lookup(tokens) {
      const rows = new Float32Array(tokens.length * hidden)
      for (let i = 0; i < tokens.length; i++) {
        const token = tokens[i]
        if (!(Number.isInteger(token) && token >= 0 && token < vocab))
          throw new PacelineError('argument', `token id ${token} is not in the vocabulary of ${vocab}`)
        // A drafter asks between passes that take less than a tenth of a millisecond: nothing waits for what is there.
        if (table) copyAsFloat32(table, token * hidden, hidden, rows, i * hidden)
        else copyAsFloat32(await source.readRows(name, token, token + 1), 0, hidden, rows, i * hidden)
      }
      return rows
    },
  }
}
