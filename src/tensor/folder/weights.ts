import { realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { openPytorch } from '../pytorch/reader.ts'
import { fileError } from '../safetensors/files.ts'
import { openSafetensors } from '../safetensors/reader.ts'
import type { TensorSource } from '../source.ts'
import { readIndex } from './index-file.ts'
import { pathInside } from './inside.ts'
import { openShards } from './shards.ts'

/** As transformers looks for the weights of a model, in this order. */
const modelFiles = ['model.safetensors', 'pytorch_model.bin']

/**
 * Opens the weights in a folder: the first of `files` that it holds, whole or in the shards that `<file>.index.json`
 * lists. What ends in .safetensors is read as such, anything else as torch.save writes it. Close it when done.
 * Throws code `file` when a file is missing or cannot be opened, `format` when one breaks its format, leads outside the
 * folder, or the index and the shards disagree, and as the readers of the formats do.
 */
export async function openWeights(folder: string, files: readonly string[] = modelFiles): Promise<TensorSource> {
  const root = await realpath(folder).catch(fileError(basename(folder)))
  for (const file of files) {
    const open = file.endsWith('.safetensors') ? openSafetensors : openPytorch
    const whole = await pathInside(root, file)
    if (whole !== undefined) return open(whole)
    const index = `${file}.index.json`
    const path = await pathInside(root, index)
    if (path !== undefined) return openShards(root, index, await readIndex(path, index), open)
  }
  throw new PacelineError(
    'file',
    `${folder}: holds neither ${files.join(' nor ')}, whole or with an index of its parts. ` +
      'Weights in other formats must be converted first.',
  )
}
