import { copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { PacelineError } from '../errors.ts'
import {
  float32ToBfloat16,
  float32ToFloat16,
  type Tensor,
  tensor,
  toFloat32,
  writeSafetensors,
} from '../tensor/index.ts'
import type { ModelSpec } from './spec.ts'
import { expectedTensors } from './tensors.ts'
import { toConfig } from './to-config.ts'
import { validateTensors } from './validate.ts'

/** Element types in which weights are stored. */
export const storedDTypes = ['f16', 'bf16', 'f32'] as const
export type StoredDType = (typeof storedDTypes)[number]

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

const provenanceFile = 'paceline.json'
const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json']
const optionalTokenizerFiles = ['chat_template.jinja', 'chat_template.json', 'special_tokens_map.json']

/**
 * Writes a model as a Hugging Face-style folder, as a whole: until all of it is there, `folder` is as it was.
 * Throws code `argument` where `folder` holds something else than an earlier model written here, or a weight is too
 * large for the dtype; `checkpoint` where tensors and specification disagree; `file` when writing fails.
 */
export async function writeModel(folder: string, content: ModelContent): Promise<void> {
  const { spec, tensors, tokenizer, provenance } = content
  validateTensors(spec, sourceOf(tensors), 'the specification')
  await requireReplaceable(folder)
  const unfinished = join(dirname(folder), `.${basename(folder)}.${process.pid}.tmp`)
  const json = (file: string, value: object) =>
    writeFile(join(unfinished, file), `${JSON.stringify(value, null, 2)}\n`, { flush: true })
  try {
    await mkdir(unfinished, { recursive: true })
    await json('config.json', { ...toConfig(spec), torch_dtype: torchNames[content.dtype] })
    await json('generation_config.json', { bos_token_id: spec.bosTokenId, eos_token_id: spec.eosTokenIds })
    for (const file of tokenizerFiles) await copyFile(join(tokenizer, file), join(unfinished, file))
    for (const file of optionalTokenizerFiles)
      await copyFile(join(tokenizer, file), join(unfinished, file)).catch(ignoreMissing)
    await writeSafetensors(join(unfinished, 'model.safetensors'), stored(content), { format: 'pt' })
    await json(provenanceFile, provenance)
    await rm(folder, { recursive: true, force: true })
    await rename(unfinished, folder)
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true })
    if (PacelineError.isInstance(cause)) throw cause
    throw new PacelineError('file', `${folder}: cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/** Throws code `argument` where `folder` is there and is neither empty of provenance nor written by `writeModel`. */
async function requireReplaceable(folder: string): Promise<void> {
  const exists = (path: string) =>
    stat(path).then(
      () => true,
      () => false,
    )
  if ((await exists(folder)) && !(await exists(join(folder, provenanceFile))))
    throw new PacelineError(
      'argument',
      `${folder}: is there already and was not written by Paceline (no ${provenanceFile}). Give another folder.`,
    )
}

/** The tensors in the order of the forward pass, converted one at a time. */
function stored({ spec, tensors, dtype }: ModelContent): { name: string; tensor: Tensor }[] {
  return expectedTensors(spec).map(({ name }) => ({ name, tensor: convert(name, tensors.get(name)!, dtype) }))
}

function convert(name: string, source: Tensor, dtype: StoredDType): Tensor {
  if (source.dtype === dtype) return source
  const values = toFloat32(source)
  if (dtype === 'f32') return tensor('f32', source.shape, values)
  if (dtype === 'bf16') return tensor('bf16', source.shape, float32ToBfloat16(values))
  const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  // Not "larger than": a value that is not a number is refused too.
  if (!(largest < 65_520))
    throw new PacelineError(
      'argument',
      `tensor "${name}" holds ${largest}, too large for f16: store it as bf16 or f32.`,
    )
  return tensor('f16', source.shape, float32ToFloat16(values))
}

function sourceOf(tensors: ReadonlyMap<string, Tensor>) {
  const infos = new Map(
    Array.from(tensors, ([name, { dtype, shape }]) => [name, { name, dtype, shape, file: 'the weights' }] as const),
  )
  const unread = async (): Promise<never> => {
    throw new PacelineError('argument', 'only shapes are checked')
  }
  return { infos, read: unread, readRows: unread, close: async () => {} }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

const torchNames: Record<StoredDType, string> = { f16: 'float16', bf16: 'bfloat16', f32: 'float32' }
