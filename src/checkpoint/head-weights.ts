import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../errors.ts'
import { openPytorch, openSafetensors, openSafetensorsFolder, type TensorSource } from '../tensor/index.ts'

/**
 * Opens the weights of a head or an adapter: the first of these files that the folder holds; `model.safetensors` may be in parts.
 * Throws code `file` where there is none, and as the readers of the formats do.
 */
export async function openHeadWeights(folder: string, files: readonly string[]): Promise<TensorSource> {
  const has = (file: string) =>
    stat(join(folder, file)).then(
      () => true,
      () => false,
    )
  for (const file of files) {
    const whole = file === 'model.safetensors'
    if (!(await has(file)) && !(whole && (await has(`${file}.index.json`)))) continue
    if (whole) return openSafetensorsFolder(folder)
    return (file.endsWith('.safetensors') ? openSafetensors : openPytorch)(join(folder, file))
  }
  throw new PacelineError(
    'file',
    `${folder}: holds neither ${files.join(' nor ')}, expected the weights in one of them.`,
  )
}
