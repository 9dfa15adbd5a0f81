import type { Fraction } from './fraction.ts'
import { type Processing, processed } from './processing.ts'

/** A language model as far as acceptance knows one: the distribution [vocab] of the token after a text. */
export type ToyModel = (text: readonly number[]) => readonly Fraction[]

/** Whole weights [vocab] of the tokens after a text, one at least positive. */
export type Weights = (text: readonly number[]) => readonly number[]

export interface ToyPair {
  readonly name: string
  readonly vocabSize: number
  readonly target: Weights
  readonly drafter: Weights
}

/** The model with the logits log(weights), sampled in one way. Knows what it has answered. */
export function toyModel(weights: Weights, processing?: Processing): ToyModel {
  const known = new Map<string, readonly Fraction[]>()
  return (text) => {
    const key = text.join()
    const answer = known.get(key) ?? processed(weights(text), processing)
    known.set(key, answer)
    return answer
  }
}

/** Pairs of models, all different after every text, in each way in which target and drafter can be related. */
export function toyPairs(vocabSize: number, seed: number): ToyPair[] {
  const table = (offset: number, weigh: (digit: number, token: number) => number): Weights => {
    return (text) => {
      const weights = Array.from({ length: vocabSize }, (_, token) =>
        weigh(mixed(seed + offset, [...text, token]), token),
      )
      return weights.some((weight) => weight > 0) ? weights : weights.map((_, token) => (token === 0 ? 1 : 0))
    }
  }
  const any = table(1, (digit) => 1 + (digit % 9))
  return [
    { name: 'unrelated', target: any, drafter: table(2, (digit) => 1 + (digit % 9)) },
    { name: 'zero mass', target: table(3, (digit) => digit % 3), drafter: table(4, (digit) => digit % 3) },
    { name: 'ties', target: table(5, (digit) => 1 + (digit % 2)), drafter: table(6, (digit) => 1 + (digit % 2)) },
    { name: 'equal', target: any, drafter: any },
    {
      name: 'disjoint',
      target: table(7, (digit, token) => (token % 2 === 0 ? 1 + (digit % 5) : 0)),
      drafter: table(8, (digit, token) => (token % 2 === 1 ? 1 + (digit % 5) : 0)),
    },
  ].map((pair) => ({ ...pair, name: `${pair.name}, vocabulary of ${vocabSize}`, vocabSize }))
}

/** A number below 2^24 that looks random and depends on nothing else. */
function mixed(seed: number, text: readonly number[]): number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0
  for (const token of text) {
    state = Math.imul(state ^ (token + 1), 0x85ebca6b)
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
    state = (state ^ (state >>> 16)) >>> 0
  }
  return state >>> 8
}
