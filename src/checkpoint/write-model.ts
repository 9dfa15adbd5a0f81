import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { memorySource, type NamedTensor, type Tensor, writeSafetensors } from '../tensor/index.ts'
import type { ModelSpec } from './spec.ts'
import { convert, type StoredDType, torchNames } from './stored-dtype.ts'
import { expectedTensors } from './tensors.ts'
import { toConfig } from './to-config.ts'
import { validateTensors } from './validate.ts'
import { writeFolder } from './write-folder.ts'

export interface ModelContent {
  readonly spec: ModelSpec
  /** Under the names of `expectedTensors`; f32, f16 or bf16. Others are not written. */
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly dtype: StoredDType
  /** The folder whose tokenizer files are copied. */
  readonly tokenizer: string
  /** paceline.json: where the model comes from. A folder without this file is never written over. */
  readonly provenance: Readonly<Record<string, unknown>>
}

const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json']
const optionalTokenizerFiles = ['chat_template.jinja', 'chat_template.json', 'special_tokens_map.json']

/**
 * Writes a model as a Hugging Face-style folder, as a whole: until all of it is there, `folder` is as it was.
 * Throws code `argument` where `folder` holds something else than an earlier model written here, or a weight is too
 * large for the dtype; `checkpoint` where tensors and specification disagree; `file` when writing fails.
 */
export async function writeModel(folder: string, content: ModelContent): Promise<void> {
  const { spec, tensors, tokenizer, provenance } = content
  validateTensors(spec, memorySource(Object.fromEntries(tensors), 'the weights'), 'the specification')
  await writeFolder(folder, provenance, async (unfinished, json) => {
    await json('config.json', { ...toConfig(spec), torch_dtype: torchNames[content.dtype] })
    await json('generation_config.json', { bos_token_id: spec.bosTokenId, eos_token_id: spec.eosTokenIds })
    for (const file of tokenizerFiles) await copyFile(join(tokenizer, file), join(unfinished, file))
    for (const file of optionalTokenizerFiles)
      await copyFile(join(tokenizer, file), join(unfinished, file)).catch(ignoreMissing)
    await writeSafetensors(join(unfinished, 'model.safetensors'), stored(content), { format: 'pt' })
  })
}

/** The tensors in the order of the forward pass, converted one at a time. */
function stored({ spec, tensors, dtype }: ModelContent): NamedTensor[] {
  return expectedTensors(spec).map(({ name }) => ({ name, tensor: convert(name, tensors.get(name)!, dtype) }))
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
