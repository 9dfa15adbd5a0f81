import { expect } from 'vitest'
import { likeliest } from '../../decoding/exactness/certain-drafters.ts'
import { outcomes } from '../../decoding/exactness/exhaustive.ts'
import { type Fraction, show, toFloat } from '../../decoding/exactness/fraction.ts'
import { addTo, type Law, lawOfTarget, totalVariation } from '../../decoding/exactness/law.ts'
import { noiseOf } from '../../decoding/exactness/noise.ts'
import { type ToyModel, toyModel, toyPairs } from '../../decoding/exactness/toy-models.ts'
import { byRejection, byTargetDraw, type Decide, guessesTo } from '../../decoding/exactness/write.ts'
import {
  type AcceptanceRule,
  type Chance,
  createSampler,
  type Drafter,
  rejection,
  type Sampler,
  type Verdict,
  verify,
} from '../../decoding/index.ts'
import type { HeadOutputs } from './children.ts'

/** A target, and what makes guesses of a level at a time for it, both small enough to try every outcome of chance. */
export interface Pair {
  readonly name: string
  readonly vocabSize: number
  readonly length: number
  readonly target: ToyModel
  readonly q: ToyModel
}

export const levelPairs: readonly Pair[] = [...toyPairs(2, 5).slice(0, 3), ...toyPairs(3, 6).slice(0, 2)].map(
  (pair) => ({
    name: pair.name,
    vocabSize: pair.vocabSize,
    length: pair.vocabSize === 2 ? 3 : 2,
    target: toyModel(pair.target),
    q: toyModel(pair.drafter),
  }),
)

/** The text that guesses of a level (from 0) behind `text` are made from: token 0 stands for what is unknown to them. */
export type Known = (text: readonly number[], level: number) => readonly number[]

/** A drafter over tables of q, and what a verdict tells it. */
export interface LevelDrafting {
  readonly known: Known
  /** `text` is what is written so far, at any time. */
  drafter(pair: Pair, text: readonly number[]): Drafter
  /** Behind `text`, which `emitted` is not yet part of. */
  told(pair: Pair, text: readonly number[], emitted: readonly number[]): Partial<Verdict>
}

/** What q says of each of these levels, as a head does. */
export function tableOutputs({ q }: Pair, text: readonly number[], levels: number, known: Known): HeadOutputs {
  const answers = Array.from({ length: levels }, (_, level) => q([...known(text, level)]).map(toFloat))
  const order = answers.map((p) => [...p.keys()].sort((a, b) => p[b] - p[a] || a - b))
  return {
    logits: Float32Array.from(answers.flat(), Math.log),
    top: {
      tokens: Int32Array.from(order.flat()),
      logProbabilities: Float32Array.from(order.flatMap((ids, level) => ids.map((id) => Math.log(answers[level][id])))),
    },
  }
}

/** How a rule and the guesses use chance: one outcome of it. */
interface World {
  readonly rule: AcceptanceRule
  readonly decide: Decide
  /** Tokens of a level, best first. */
  rank(behind: readonly number[], count: number): readonly number[]
  /** Rows of a pass, once so many tokens are written. */
  rows(written: number): number
}

function rejecting({ target }: Pair, chance: Chance<Fraction>): World {
  const rank = () => expect.unreachable('nothing is drawn')
  return { rule: 'rejection', decide: byRejection(target, chance, rejection), rank, rows: () => 5 }
}

/** What q would draw with the target's noise comes first, then what it finds likely. */
function sharing({ target, q, length }: Pair, noise: ReturnType<typeof noiseOf>, chance: Chance<Fraction>): World {
  const draw = noise(chance)
  return {
    rule: 'target-draw',
    decide: byTargetDraw((text) => draw(target, text), verify),
    rank(behind, count) {
      const drawn = draw(q, behind)
      return [drawn, ...likeliest(q([...behind])).filter((token) => token !== drawn)].slice(0, count)
    },
    rows: (written) => length - written,
  }
}

async function write(pair: Pair, drafting: LevelDrafting, world: World): Promise<number[]> {
  const { vocabSize, length } = pair
  const text: number[] = []
  const drafter = drafting.drafter(pair, text)
  const sampler: Sampler = {
    ...createSampler({ temperature: 1 }, vocabSize),
    rank(logits, position, _history, count) {
      expect(logits).toHaveLength(vocabSize)
      // Beyond the end of the texts that noise was made for nothing is emitted.
      const behind = drafting.known(text, position - text.length)
      const tokens = position < length ? [...world.rank(behind, count)] : [0]
      return { tokens, scores: tokens.map((_, i) => -i) }
    },
  }
  await drafter.start({ tokens: [0, 0], states: new Float32Array(1), sampler, rule: world.rule })
  while (text.length < length) {
    const draft = await drafter.propose(text.at(-1) ?? 0, { rows: world.rows(text.length) })
    expect(draft.proposal).toBeUndefined()
    const before = [...text]
    const { path, bonus } = world.decide({ tree: draft.tree }, (row) => [...before, ...guessesTo(draft.tree, row)])
    const emitted = [...path.slice(1).map((row) => draft.tree.tokens[row]), bonus]
    await drafter.observe({ path, bonus, emitted, draw: () => 0, ...drafting.told(pair, text, emitted) })
    text.push(...emitted)
  }
  return text.slice(0, length)
}

/** How far the law of what is written is from that of the target, over all outcomes of chance: "0" where they are one. */
export async function distanceFromTarget(
  pair: Pair,
  rule: AcceptanceRule,
  drafting: () => LevelDrafting,
): Promise<string> {
  const noise = noiseOf([pair.target, pair.q], pair.vocabSize, pair.length)
  const worldOf = (chance: Chance<Fraction>) =>
    rule === 'rejection' ? rejecting(pair, chance) : sharing(pair, noise, chance)
  const law: Law = new Map()
  for (const outcome of outcomes()) addTo(law, await write(pair, drafting(), worldOf(outcome)), outcome.weight)
  return show(totalVariation(law, lawOfTarget(pair.target, pair.length)))
}
