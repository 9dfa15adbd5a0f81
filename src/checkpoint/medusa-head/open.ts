import { PacelineError } from '../../errors.ts'
import { openWeights, type TensorSource } from '../../tensor/index.ts'
import { requireFolder } from '../folders.ts'
import { readJson } from '../json.ts'
import type { ModelSpec } from '../spec.ts'
import { parseMedusaConfig } from './config.ts'
import { requireMedusaFit, validateMedusaTensors } from './fit.ts'
import { canonicalMedusaNames, withSharedLmHead } from './names.ts'
import type { MedusaSpec } from './spec.ts'
import { readTokenMap } from './token-map.ts'

/** Medusa heads ready to be loaded, checked against their target: what they are, and their weights, read on demand. */
export interface MedusaHeads {
  readonly folder: string
  readonly spec: MedusaSpec
  /** Under the names of `medusaTensors`. */
  readonly source: TensorSource
  /** Ids [draftVocab] of the target's tokens that the heads' stand for; absent where they are the target's own. */
  readonly targetIds?: Int32Array
  close(): Promise<void>
}

const configFile = 'config.json'
const weightFiles = ['model.safetensors', 'medusa_lm_head.safetensors', 'medusa_lm_head.pt', 'pytorch_model.bin']

/**
 * Opens the folder of Medusa heads, as their authors publish them or as vLLM loads them. Close it when done.
 * Throws code `file` (not there, not readable), `format` (breaks its format), `checkpoint` (the files disagree with one
 * another or with the target) or `unsupported` (heads that cannot run here).
 */
export async function openMedusaHeads(folder: string, target: ModelSpec): Promise<MedusaHeads> {
  await requireFolder(folder)
  const json = await readJson(folder, configFile)
  if (json === undefined)
    throw new PacelineError('file', `${folder}: there is no ${configFile}, which the folder of Medusa heads holds.`)
  const stored = await openWeights(folder, weightFiles)
  try {
    const named = canonicalMedusaNames(stored)
    const spec = parseMedusaConfig(json, named, target)
    const source = spec.lmHead === 'shared' ? withSharedLmHead(named.source) : named.source
    requireMedusaFit(spec, target, configFile)
    validateMedusaTensors(spec, source, configFile)
    const targetIds = await readTokenMap(spec, source, configFile)
    return { folder, spec, source, ...(targetIds && { targetIds }), close: () => stored.close() }
  } catch (error) {
    await stored.close()
    throw error
  }
}
