import { join } from 'node:path'
import { memorySource, type NamedTensor, type Tensor, writeSafetensors } from '../../tensor/index.ts'
import { convert, type StoredDType, torchNames } from '../stored-dtype.ts'
import { writeFolder } from '../write-folder.ts'
import { validateHeadTensors } from './fit.ts'
import type { EagleHeadSpec } from './spec.ts'
import { vocabularyNames } from './tensors.ts'
import { toEagleConfig } from './to-config.ts'
import { requireTargetIds, vocabularyTensors } from './vocabulary.ts'

export interface EagleHeadContent {
  readonly spec: EagleHeadSpec
  /**
   * Under the names of `eagleHeadTensors`, and `embed_tokens.weight` for a table of its own; f32, f16 or bf16.
   * `d2t` and `t2d` may be among them, but are made of `targetIds`.
   */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Rising ids [draftVocab] of the target's tokens that the head knows; given where it does not know all of them. */
  readonly targetIds?: Int32Array
  readonly dtype: StoredDType
  /** paceline.json: where the head comes from. A folder without this file is never written over. */
  readonly provenance: Readonly<Record<string, unknown>>
}

/**
 * Writes a head as a folder that `openEagleHead` and other engines read, as a whole: until all of it is there, `folder` is
 * as it was.
 * Throws code `argument` where `folder` holds something else than what was written here before, the specification cannot
 * be written, the ids do not fit it, or a weight is too large for the dtype; `checkpoint` where tensors and specification
 * disagree; `file` when writing fails.
 */
export async function writeEagleHead(folder: string, content: EagleHeadContent): Promise<void> {
  const { spec, targetIds, dtype, provenance } = content
  const config = { ...toEagleConfig(spec), torch_dtype: torchNames[dtype] }
  requireTargetIds(spec, targetIds)
  const weights = [...content.tensors].filter(([name]) => !vocabularyNames.includes(name))
  validateHeadTensors(spec, memorySource(Object.fromEntries(weights), 'the weights'), 'the specification')
  await writeFolder(folder, provenance, async (unfinished, json) => {
    await json('config.json', config)
    const stored: NamedTensor[] = weights.map(([name, tensor]) => ({ name, tensor: convert(name, tensor, dtype) }))
    if (targetIds !== undefined)
      for (const [name, tensor] of Object.entries(vocabularyTensors(targetIds, spec.vocabSize)))
        stored.push({ name, tensor })
    await writeSafetensors(join(unfinished, 'model.safetensors'), stored, { format: 'pt' })
  })
}
