import { join } from 'node:path'
import { memorySource, type Tensor, writeSafetensors } from '../../tensor/index.ts'
import { convert, type StoredDType, torchNames } from '../stored-dtype.ts'
import { requireTensors } from '../validate.ts'
import { writeFolder } from '../write-folder.ts'
import { toBitaConfig } from './config.ts'
import { type BitaSpec, bitaTensors } from './spec.ts'

export interface BitaContent {
  readonly spec: BitaSpec
  /** Under the names of `bitaTensors`; f32, f16 or bf16. */
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly dtype: StoredDType
  /** paceline.json: where they come from. A folder without this file is never written over. */
  readonly provenance: Readonly<Record<string, unknown>>
}

/**
 * Writes mask tokens and prefix as a folder that `openBita` reads, as a whole: until all of it is there, `folder` is as it
 * was. Throws code `argument` where `folder` holds something else than what was written here before, or a weight is too
 * large for the dtype; `checkpoint` where tensors and specification disagree; `file` when writing fails.
 */
export async function writeBita(folder: string, { spec, tensors, dtype, provenance }: BitaContent): Promise<void> {
  const given = memorySource(Object.fromEntries(tensors), 'the weights')
  requireTensors(bitaTensors(spec), given, 'the specification', ({ name }) => `there is no tensor "${name}".`)
  await writeFolder(folder, provenance, async (unfinished, json) => {
    await json('config.json', { ...toBitaConfig(spec), torch_dtype: torchNames[dtype] })
    const stored = bitaTensors(spec).map(({ name }) => ({ name, tensor: convert(name, tensors.get(name)!, dtype) }))
    await writeSafetensors(join(unfinished, 'model.safetensors'), stored, { format: 'pt' })
  })
}
