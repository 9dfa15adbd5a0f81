import type { ModelSpec } from '../../checkpoint/index.ts'
import { noise } from '../../graph/noise.ts'
import type { LearnedRiders } from '../../model/index.ts'

/** Masks and a prefix of two entries, all of them random. */
export function tinyBita(
  { hiddenSize, layerCount, kvHeadCount, headDim }: ModelSpec,
  { maskCount = 3, seed = 1 } = {},
): { readonly riders: LearnedRiders; readonly maskCount: number } {
  const some = (i: number) => noise(2 * kvHeadCount * headDim, seed + i)
  const prefix = Array.from({ length: layerCount }, (_, layer) => ({
    keys: some(2 * layer + 1),
    values: some(2 * layer + 2),
  }))
  return { riders: { vectors: noise(maskCount * hiddenSize, seed), prefix }, maskCount }
}
