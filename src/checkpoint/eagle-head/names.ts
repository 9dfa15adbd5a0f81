import type { TensorSource } from '../../tensor/index.ts'
import { addName, renamed } from '../renamed.ts'
import type { EagleKind } from './spec.ts'
import { layerPrefix } from './tensors.ts'

/** A head's tensors under the names of `eagleHeadTensors`, whatever its trainer called them, and what kind they make. */
export interface NamedHead {
  readonly kind: EagleKind
  readonly source: TensorSource
}

/**
 * Trainers and engines write `midlayer.` as `layers.0.` or `model.layers.0.`, and some put `model.` before every name.
 * Only an EAGLE-3 layer has a norm for hidden states beside that for embeddings, which tells the kind.
 * Throws code `checkpoint` where two tensors come to the same name.
 */
export function canonicalNames(stored: TensorSource): NamedHead {
  const plain = new Map<string, string>()
  // Old versions of transformers stored the angles of RoPE, which follow from the configuration.
  for (const name of stored.infos.keys())
    if (!name.endsWith('rotary_emb.inv_freq')) addName(plain, name.replace(/^model\./, ''), name, stored)
  const names = [...plain.keys()]
  const isEagle3 = names.some((name) => name.startsWith(layerPrefix.eagle3) || name.endsWith('hidden_norm.weight'))
  if (!isEagle3) return { kind: 'eagle', source: renamed(stored, plain) }

  const canonical = new Map<string, string>()
  for (const [name, original] of plain)
    addName(canonical, name.replace(/^layers\.0\./, layerPrefix.eagle3), original, stored)
  return { kind: 'eagle3', source: renamed(stored, canonical) }
}
