import { join } from 'node:path'
import { memorySource, type NamedTensor, type Tensor, writeSafetensors } from '../../tensor/index.ts'
import { convert, type StoredDType, torchNames } from '../stored-dtype.ts'
import { writeFolder } from '../write-folder.ts'
import { validateMedusaTensors } from './fit.ts'
import type { MedusaSpec } from './spec.ts'
import { tokenMapName } from './tensors.ts'
import { toMedusaConfig } from './to-config.ts'
import { requireTokenMap, tokenMapTensor } from './token-map.ts'

export interface MedusaContent {
  readonly spec: MedusaSpec
  /** Under the names of `medusaTensors`; f32, f16 or bf16. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Ids [draftVocab] of the target's tokens that the heads know; given where they do not know all of them. */
  readonly targetIds?: Int32Array
  readonly dtype: StoredDType
  /** paceline.json: where the heads come from. A folder without this file is never written over. */
  readonly provenance: Readonly<Record<string, unknown>>
}

/**
 * Writes heads as a folder that `openMedusaHeads` reads, in vLLM's layout, as a whole: until all of it is there, `folder` is
 * as it was. Throws code `argument` where `folder` holds something else than what was written here before, the ids do not
 * fit the specification, or a weight is too large for the dtype; `checkpoint` where tensors and specification disagree;
 * `file` when writing fails.
 */
export async function writeMedusaHeads(folder: string, content: MedusaContent): Promise<void> {
  const { spec, targetIds, dtype, provenance } = content
  requireTokenMap(spec, targetIds)
  const weights = [...content.tensors].filter(([name]) => name !== tokenMapName)
  validateMedusaTensors(spec, memorySource(Object.fromEntries(weights), 'the weights'), 'the specification')
  await writeFolder(folder, provenance, async (unfinished, json) => {
    await json('config.json', { ...toMedusaConfig(spec), torch_dtype: torchNames[dtype] })
    const stored: NamedTensor[] = weights.map(([name, tensor]) => ({ name, tensor: convert(name, tensor, dtype) }))
    if (targetIds !== undefined) stored.push({ name: tokenMapName, tensor: tokenMapTensor(targetIds) })
    await writeSafetensors(join(unfinished, 'model.safetensors'), stored, { format: 'pt' })
  })
}
