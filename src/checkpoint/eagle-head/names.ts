import { PacelineError } from '../../errors.ts'
import type { TensorInfo, TensorSource } from '../../tensor/index.ts'
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
    if (!name.endsWith('rotary_emb.inv_freq')) add(plain, name.replace(/^model\./, ''), name, stored)
  const names = [...plain.keys()]
  const isEagle3 = names.some((name) => name.startsWith(layerPrefix.eagle3) || name.endsWith('hidden_norm.weight'))
  if (!isEagle3) return { kind: 'eagle', source: renamed(stored, plain) }

  const canonical = new Map<string, string>()
  for (const [name, original] of plain)
    add(canonical, name.replace(/^layers\.0\./, layerPrefix.eagle3), original, stored)
  return { kind: 'eagle3', source: renamed(stored, canonical) }
}

function add(names: Map<string, string>, name: string, original: string, { infos }: TensorSource): void {
  const other = names.get(name)
  if (other !== undefined)
    throw new PacelineError(
      'checkpoint',
      `${infos.get(original)!.file}: "${other}" and "${original}" are two names of one tensor, expected one of them.`,
    )
  names.set(name, original)
}

/** The same tensors under other names; `originals` maps the new to the old. */
function renamed(source: TensorSource, originals: ReadonlyMap<string, string>): TensorSource {
  // A name that is not there stays as it is, for the source's own complaint.
  const original = (name: string) => originals.get(name) ?? name
  return {
    infos: new Map<string, TensorInfo>(
      Array.from(originals, ([name, old]) => [name, { ...source.infos.get(old)!, name }]),
    ),
    read: async (name) => source.read(original(name)),
    readRows: async (name, start, end) => source.readRows(original(name), start, end),
    close: () => source.close(),
  }
}
