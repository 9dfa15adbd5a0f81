import { describe, expect, test } from 'vitest'
import { likeliest } from '../../decoding/exactness/certain-drafters.ts'
import { outcomes } from '../../decoding/exactness/exhaustive.ts'
import { type Fraction, fractions, inProportion, show, toFloat } from '../../decoding/exactness/fraction.ts'
import { addTo, type Law, lawOfTarget, totalVariation } from '../../decoding/exactness/law.ts'
import { noiseOf } from '../../decoding/exactness/noise.ts'
import { type ToyModel, toyModel, toyPairs } from '../../decoding/exactness/toy-models.ts'
import { byRejection, byTargetDraw, type Decide, guessesTo } from '../../decoding/exactness/write.ts'
import {
  type AcceptanceRule,
  type Chance,
  createSampler,
  passCosts,
  rejection,
  type Sampler,
  verify,
} from '../../decoding/index.ts'
import { dynamicTree } from './dynamic-tree.ts'
import { eagle } from './eagle.ts'
import type { Growth } from './growth.ts'
import { payingGrowth } from './paying-growth.ts'
import { payingStaticGrowth, staticGrowth } from './static-growth.ts'
import { shapeOf } from './static-tree.ts'
import { tableHead } from './table-head.ts'

interface Pair {
  readonly name: string
  readonly vocabSize: number
  readonly length: number
  readonly target: ToyModel
  readonly q: ToyModel
}

const pairs: Pair[] = [...toyPairs(2, 5).slice(0, 3), ...toyPairs(3, 6).slice(0, 2)].map((pair) => ({
  name: pair.name,
  vocabSize: pair.vocabSize,
  length: pair.vocabSize === 2 ? 3 : 2,
  target: toyModel(pair.target),
  q: toyModel(pair.drafter),
}))

const shape = shapeOf(['0', '1', '00'])
const costs = { target: passCosts(1, [[8, 1.2]]), head: { first: () => 0.05, next: () => 0.05 } }
const growths: [string, () => Growth][] = [
  ['EAGLE-1', () => staticGrowth(shape)],
  ['EAGLE-1 of the size that pays', () => payingStaticGrowth(shape, costs)],
  ['EAGLE-2', () => dynamicTree({ rows: 4, depth: 2, width: 2 })],
  ['EAGLE-2 of the size that pays', () => payingGrowth(costs)],
]

/** How a rule and a drafter use chance: one outcome of it. */
interface World {
  readonly rule: AcceptanceRule
  readonly decide: Decide
  /** Tokens of the head, best first. */
  rank(q: readonly Fraction[], text: readonly number[], count: number): readonly number[]
  /** Rows of a pass, once so many tokens are written. */
  rows(written: number): number
}

/** Siblings are drawn without replacement, and accepted by rejection. Guesses may go beyond the text's end. */
function drawing({ target }: Pair, chance: Chance<Fraction>): World {
  return {
    rule: 'rejection',
    decide: byRejection(target, chance, rejection),
    rank(q, _, count) {
      const left = [...q]
      const tokens: number[] = []
      while (tokens.length < count && left.some((mass) => fractions.less(fractions.zero, mass))) {
        const token = chance.categorical(inProportion(left))
        left[token] = fractions.zero
        tokens.push(token)
      }
      return tokens
    },
    rows: () => 4,
  }
}

/** What the head would draw with the target's noise comes first, then what it finds likely. */
function sharing({ target, q, length }: Pair, noise: ReturnType<typeof noiseOf>, chance: Chance<Fraction>): World {
  const draw = noise(chance)
  return {
    rule: 'target-draw',
    decide: byTargetDraw((text) => draw(target, text), verify),
    rank(p, text, count) {
      const drawn = draw(q, text)
      return [drawn, ...likeliest(p).filter((token) => token !== drawn)].slice(0, count)
    },
    rows: (written) => length - written,
  }
}

/** One text, in the order in which `decode` calls a drafter. The prompt is two tokens, so that there is a pair. */
async function write({ q, vocabSize, length }: Pair, growth: Growth, world: World): Promise<number[]> {
  const text: number[] = []
  const drafter = eagle('eagle', tableHead(q, vocabSize), growth)
  const sampler: Sampler = {
    ...createSampler({ temperature: 1 }, vocabSize),
    rank(logits, _position, { generated: behind }, count) {
      const tokens = [...world.rank(q(behind), behind, count)]
      return { tokens, scores: tokens.map((token) => logits[token]) }
    },
  }
  await drafter.start({ tokens: [0, 0], states: new Float32Array(1), sampler, rule: world.rule })
  while (text.length < length) {
    const { tree, proposal } = await drafter.propose(text.at(-1) ?? 0, { rows: world.rows(text.length) })
    const before = [...text]
    const textAt = (row: number) => [...before, ...guessesTo(tree, row)]
    const exact = proposal?.map((floats, row) => {
      const distribution = q(textAt(row))
      if (floats) expect(distribution.map(toFloat).every((p, x) => Math.abs(p - floats[x]) < 1e-6)).toBe(true)
      return floats && distribution
    })
    const { path, bonus } = world.decide({ tree, ...(exact && { proposal: exact }) }, textAt)
    const emitted = [...path.slice(1).map((row) => tree.tokens[row]), bonus]
    text.push(...emitted)
    await drafter.observe({ path, bonus, emitted, states: new Float32Array(emitted.length), draw: () => 0 })
  }
  return text.slice(0, length)
}

async function distance(pair: Pair, growth: () => Growth, worldOf: (chance: Chance<Fraction>) => World) {
  const law: Law = new Map()
  for (const outcome of outcomes()) addTo(law, await write(pair, growth(), worldOf(outcome)), outcome.weight)
  return show(totalVariation(law, lawOfTarget(pair.target, pair.length)))
}

describe.each(pairs)('the law of the target stays as it is, $name', (pair) => {
  test.each(growths)('by rejection: %s', async (_, growth) => {
    expect(await distance(pair, growth, (chance) => drawing(pair, chance))).toBe('0')
  })

  test.each(growths)('by target draw: %s', async (_, growth) => {
    const noise = noiseOf([pair.target, pair.q], pair.vocabSize, pair.length)
    expect(await distance(pair, growth, (chance) => sharing(pair, noise, chance))).toBe('0')
  })
})

test('a tree that keeps the likelier of drawn siblings would be found out', async () => {
  const choosing = (): Growth => ({ ...dynamicTree({ rows: 2, depth: 1, width: 2 }), draws: true })
  const far = pairs.map((pair) => distance(pair, choosing, (chance) => drawing(pair, chance)))
  expect((await Promise.all(far)).filter((distance) => distance !== '0').length).toBeGreaterThan(0)
})
