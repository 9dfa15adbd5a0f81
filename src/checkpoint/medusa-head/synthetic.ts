import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Tensor, writeSafetensors } from '../../tensor/index.ts'
// Not part of the public face of `tensor`: files of torch.save are written by tests alone.
import { pytorchFile } from '../../tensor/pytorch/write-archive.ts'
import { randomSource } from '../random.ts'
import { shapeSpec } from '../shapes.ts'
import { type MedusaHeads, openMedusaHeads } from './open.ts'
import type { MedusaSpec } from './spec.ts'
import { medusaTensors } from './tensors.ts'

/** Heads for tests, and the target they draft for. */
export const syntheticTarget = shapeSpec({ hiddenSize: 16, intermediateSize: 32, vocabSize: 320 })

export const medusaSpec: MedusaSpec = {
  headCount: 2,
  layerCount: 1,
  hiddenSize: 16,
  vocabSize: 320,
  draftVocabSize: 320,
  bias: true,
  lmHead: 'own',
}

/** Random weights for a specification. */
export async function syntheticTensors(spec: MedusaSpec, seed = 1): Promise<Map<string, Tensor>> {
  const source = randomSource(medusaTensors(spec), seed)
  const tensors = new Map<string, Tensor>()
  for (const name of source.infos.keys()) tensors.set(name, await source.read(name))
  return tensors
}

/** The same tensors as the authors' trainer calls them. */
export function authorsNames(tensors: ReadonlyMap<string, Tensor>, layerCount: number): Map<string, Tensor> {
  const named = Array.from(tensors, ([name, tensor]) => {
    const block = name.replace(/^blocks\.(\d+)\.layers\.(\d+)\./, '$1.$2.linear.')
    return [block.replace(/^lm_heads\.(\d+)\./, `$1.${layerCount}.`), tensor] as const
  })
  return new Map(named)
}

/** Writes the files of heads as they are given, right or wrong. */
export async function writeFiles(
  folder: string,
  config: object,
  tensors: ReadonlyMap<string, Tensor>,
  file = 'model.safetensors',
): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  const path = join(folder, file)
  if (file.endsWith('.safetensors')) await writeSafetensors(path, Object.fromEntries(tensors))
  else await writeFile(path, pytorchFile(Object.fromEntries(tensors)))
}

export interface OpenedHeads extends MedusaHeads {
  /** All that the heads' source holds. */
  readonly read: Map<string, Tensor>
}

/** Opens a folder, reads everything, and closes it. */
export async function readHeads(folder: string, target = syntheticTarget): Promise<OpenedHeads> {
  const heads = await openMedusaHeads(folder, target)
  const read = new Map<string, Tensor>()
  try {
    for (const name of heads.source.infos.keys()) read.set(name, await heads.source.read(name))
  } finally {
    await heads.close()
  }
  return { ...heads, read }
}
