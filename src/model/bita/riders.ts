import { type BitaSpec, maskTokensName, prefixName } from '../../checkpoint/index.ts'
import type { KeysAndValues } from '../../runtime/index.ts'
import { type TensorSource, toFloat32 } from '../../tensor/index.ts'
import type { LearnedRiders } from '../riders.ts'

/** Reads mask tokens and prefix, of a source as `openBita` gives it, as a target takes them. Throws as the source does. */
export async function readBitaRiders(spec: BitaSpec, source: TensorSource): Promise<LearnedRiders> {
  const [vectors, prefix] = await Promise.all(
    [maskTokensName, prefixName].map(async (name) => toFloat32(await source.read(name))),
  )
  return { vectors, prefix: prefixOf(spec, prefix) }
}

/** Of each layer keys and values, each [entries, kvHeads, headDim], of a matrix [entries, 2 layers * kvHeads * headDim]. */
function prefixOf({ prefixLength, layerCount, kvHeadCount, headDim }: BitaSpec, matrix: Float32Array): KeysAndValues[] {
  const width = kvHeadCount * headDim
  const columns = (part: number) => {
    const picked = new Float32Array(prefixLength * width)
    for (let entry = 0; entry < prefixLength; entry++) {
      const from = (entry * 2 * layerCount + part) * width
      picked.set(matrix.subarray(from, from + width), entry * width)
    }
    return picked
  }
  return Array.from({ length: layerCount }, (_, layer) => ({
    keys: columns(2 * layer),
    values: columns(2 * layer + 1),
  }))
}
