import { PacelineError } from '../../errors.ts'
import { openWeights, type TensorSource } from '../../tensor/index.ts'
import { requireFolder } from '../folders.ts'
import { readJson } from '../json.ts'
import { addName, renamed } from '../renamed.ts'
import type { ModelSpec } from '../spec.ts'
import { requireTensors } from '../validate.ts'
import { parseBitaConfig } from './config.ts'
import { type BitaSpec, bitaTensors } from './spec.ts'

/** Mask tokens and prefix ready to be read, checked against their target. */
export interface Bita {
  readonly folder: string
  readonly spec: BitaSpec
  /** Under the names of `bitaTensors`. */
  readonly source: TensorSource
  close(): Promise<void>
}

const configFile = 'config.json'

/**
 * Opens a folder with the two tensors that BiTA adds to a model, alone as `writeBita` writes them or, as the authors' trainer
 * does, among the tensors of the whole model, with `model.` in front. Close it when done.
 * Throws code `file` (not there, not readable), `format` (breaks its format), `checkpoint` (the files disagree with one
 * another or with the target) or `unsupported` (a way of the method that cannot run here).
 */
export async function openBita(folder: string, target: ModelSpec): Promise<Bita> {
  await requireFolder(folder)
  const json = await readJson(folder, configFile)
  if (json === undefined)
    throw new PacelineError('file', `${folder}: there is no ${configFile}, which the folder of mask tokens holds.`)
  const spec = parseBitaConfig(json, target)
  requireFit(spec, target)
  const stored = await openWeights(folder)
  try {
    const source = withoutModel(stored)
    requireTensors(bitaTensors(spec), source, configFile, ({ name, dimensions }) => {
      const sizes = dimensions.map(({ size }) => size).join(', ')
      return `there is no tensor "${name}", expected [${sizes}], with or without "model." in front.`
    })
    return { folder, spec, source, close: () => stored.close() }
  } catch (error) {
    await stored.close()
    throw error
  }
}

/** The tensors of the method alone. */
function withoutModel(stored: TensorSource): TensorSource {
  const names = new Map<string, string>()
  for (const original of stored.infos.keys()) {
    const name = original.replace(/^model\./, '')
    if (/^(mask_tokens|prefix_encoder)\./.test(name)) addName(names, name, original, stored)
  }
  return renamed(stored, names)
}

/** Throws code `checkpoint`, naming the field that differs. */
function requireFit(spec: BitaSpec, target: ModelSpec): void {
  for (const [field, name] of [
    ['vocab_size', 'vocabSize'],
    ['hidden_size', 'hiddenSize'],
    ['num_hidden_layers', 'layerCount'],
    ['num_key_value_heads', 'kvHeadCount'],
    ['head_dim', 'headDim'],
  ] as const)
    if (spec[name] !== target[name])
      throw new PacelineError(
        'checkpoint',
        `${configFile}: ${field} is ${spec[name]}, the target's ${field} is ${target[name]}: these mask tokens were trained ` +
          'for another target.',
      )
}
