import { PacelineError } from '../../errors.ts'
import { openWeights, type TensorSource } from '../../tensor/index.ts'
import { requireFolder } from '../folders.ts'
import { readJson } from '../json.ts'
import type { ModelSpec } from '../spec.ts'
import { parseEagleConfig } from './config.ts'
import { requireFit, validateHeadTensors } from './fit.ts'
import { canonicalNames } from './names.ts'
import type { EagleHeadSpec } from './spec.ts'
import { embeddingName } from './tensors.ts'
import { readTargetIds } from './vocabulary.ts'

/** An EAGLE head ready to be loaded, checked against its target: what it is, and its weights, read on demand. */
export interface EagleHead {
  readonly folder: string
  readonly spec: EagleHeadSpec
  /** Under the names of `eagleHeadTensors`, and `embed_tokens.weight` where the head has an embedding table of its own. */
  readonly source: TensorSource
  /** Rising ids [draftVocab] of the target's tokens that the head's stand for; absent where they are the target's own. */
  readonly targetIds?: Int32Array
  close(): Promise<void>
}

const configFile = 'config.json'

/**
 * Opens the folder of an EAGLE-1, EAGLE-2 or EAGLE-3 head as they are published: config.json beside model.safetensors or,
 * where there is none, pytorch_model.bin. Close it when done.
 * Throws code `file` (not there, not readable), `format` (breaks its format), `checkpoint` (the files disagree with one
 * another or with the target) or `unsupported` (a head that cannot run here).
 */
export async function openEagleHead(folder: string, target: ModelSpec): Promise<EagleHead> {
  await requireFolder(folder)
  const json = await readJson(folder, configFile)
  if (json === undefined)
    throw new PacelineError('file', `${folder}: there is no ${configFile}, which the folder of a head holds.`)
  const stored = await openWeights(folder)
  try {
    const { kind, source } = canonicalNames(stored)
    const spec = parseEagleConfig(json, kind, target.layerCount)
    requireFit(spec, source.infos.has(embeddingName), target, configFile)
    validateHeadTensors(spec, source, configFile)
    const targetIds = await readTargetIds(spec, source, configFile)
    return { folder, spec, source, ...(targetIds && { targetIds }), close: () => source.close() }
  } catch (error) {
    await stored.close()
    throw error
  }
}
