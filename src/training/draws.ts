import { philox4x32 } from '../decoding/index.ts'

/** Says which numbers chance gives: the same wherever it is the same. */
export interface Place {
  readonly seed: number
  /** Two numbers below 2^32 that name the batch. */
  readonly at: readonly [number, number]
  /** Keeps these numbers apart from all others that philox is asked for. */
  readonly kind: number
}

/** What stands for a place in the stream of training; validation has none, and is always the same. */
export function batchPlace(place: { readonly epoch: number; readonly index: number } | undefined): Place['at'] {
  return place ? [place.epoch, place.index] : [2 ** 32 - 1, 0]
}

/** Numbers from 0 to below 1, as many as are asked for, that belong to item `item` of a place. */
export function uniforms({ seed, at, kind }: Place): (item: number) => number {
  const words = new Uint32Array(4)
  return (item) => {
    philox4x32(words, item, at[0], at[1], kind, seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0)
    return words[0] / 2 ** 32
  }
}

/**
 * Items in an order drawn with chances as their weights, each next one of those that are left: by falling u^(1/weight)
 * (Efraimidis & Spirakis 2006). Those that weigh nothing are left out.
 */
export function drawOrder(weights: ArrayLike<number>, place: Place): number[] {
  const uniform = uniforms(place)
  const keys: { readonly item: number; readonly key: number }[] = []
  for (let item = 0; item < weights.length; item++)
    if (weights[item] > 0) keys.push({ item, key: Math.log(uniform(item) + 2 ** -33) / weights[item] })
  return keys.sort((a, b) => b.key - a.key || a.item - b.item).map(({ item }) => item)
}

/** The first `count` of them, rising; all where there are no more. */
export function drawRows(weights: ArrayLike<number>, count: number, place: Place): number[] {
  return drawOrder(weights, place)
    .slice(0, count)
    .sort((a, b) => a - b)
}
