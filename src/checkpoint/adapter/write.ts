import { join, relative, resolve } from 'node:path'
import { memorySource, type Tensor, writeSafetensors } from '../../tensor/index.ts'
import type { ModelSpec } from '../spec.ts'
import { convert, type StoredDType } from '../stored-dtype.ts'
import { requireTensors } from '../validate.ts'
import { writeFolder } from '../write-folder.ts'
import { adapterConfigFile, toAdapterConfig } from './config.ts'
import { type AdapterSpec, adapterTensors } from './spec.ts'

export const adapterWeightsFile = 'adapter_model.safetensors'

export interface AdapterContent {
  /** The folder of the model that it is an adapter of; the written folder names it by a relative path. */
  readonly base: string
  /** Of the base model. */
  readonly spec: ModelSpec
  readonly adapter: AdapterSpec
  /** Under the names of `adapterTensors`; f32, f16 or bf16. */
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly dtype: StoredDType
  /** paceline.json: where it comes from. A folder without this file is never written over. */
  readonly provenance: Readonly<Record<string, unknown>>
}

/**
 * Writes an adapter as a folder in the format of PEFT, which `openCheckpoint` reads, as a whole: until all of it is there,
 * `folder` is as it was. Throws code `argument` where `folder` holds something else than what was written here before, or a
 * weight is too large for the dtype; `checkpoint` where tensors and specification disagree; `file` when writing fails.
 */
export async function writeAdapter(folder: string, content: AdapterContent): Promise<void> {
  const { base, spec, adapter, tensors, dtype, provenance } = content
  const expected = adapterTensors(spec, adapter)
  const given = memorySource(Object.fromEntries(tensors), 'the weights')
  requireTensors(expected, given, 'the specification', ({ name }) => `there is no tensor "${name}".`)
  await writeFolder(folder, provenance, async (unfinished, json) => {
    await json(adapterConfigFile, toAdapterConfig(adapter, spec, pathBetween(folder, base)))
    const stored = expected.map(({ name }) => ({ name, tensor: convert(name, tensors.get(name)!, dtype) }))
    await writeSafetensors(join(unfinished, adapterWeightsFile), stored, { format: 'pt' })
  })
}

/** A path from one folder to another that looks like a path: "../base", "./base". */
function pathBetween(from: string, to: string): string {
  const path = relative(resolve(from), resolve(to)).replaceAll('\\', '/')
  return path.startsWith('.') ? path : `./${path}`
}
