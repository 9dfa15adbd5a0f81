import { join } from 'node:path'
import { type RandomCheckpointOptions, writeRandomCheckpoint } from '../checkpoint/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { writeSafetensors } from '../tensor/index.ts'

export const tinyContextLength = 4096
export const tinyVocabSize = 320

export interface TinyFolderOptions extends RandomCheckpointOptions {
  /** The only bytes the model writes. */
  readonly writes: RegExp
  /** The byte that ends a text, instead of the token 257. */
  readonly eos?: string
}

/** Writes the folder of a `tinyModel` whose tokens are bytes; ids 256 and 257 are BOS and EOS. Returns `folder`. */
export async function writeTinyFolder(folder: string, { writes, eos, ...options }: TinyFolderOptions): Promise<string> {
  const eosTokenIds = [eos === undefined ? 257 : eos.charCodeAt(0)]
  const sizes = { vocabSize: tinyVocabSize, contextLength: tinyContextLength }
  const { spec, tensors } = tinyModel({ ...sizes, eosTokenIds }, 3)
  await writeRandomCheckpoint(folder, spec, 0, options)
  const head = tensors['lm_head.weight'].data
  for (let id = 0; id < tinyVocabSize; id++)
    // A logit of 0 is always below the best of the others.
    if (id > 255 || !writes.test(String.fromCharCode(id)))
      head.fill(0, id * spec.hiddenSize, (id + 1) * spec.hiddenSize)
  await writeSafetensors(join(folder, 'model.safetensors'), tensors)
  return folder
}
