import { describe, expect, test } from 'vitest'
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
  passCosts,
  rejection,
  type Sampler,
  verify,
} from '../../decoding/index.ts'
import type { MedusaModel } from '../../model/index.ts'
import { medusa } from './medusa.ts'
import { expectedTree, type MedusaTree, payingTree } from './trees.ts'

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

const headCount = 2
const trees: [string, () => MedusaTree][] = [
  ['of fixed shape', () => expectedTree(headCount, 4)],
  ['that pays', () => payingTree(headCount, { target: passCosts(1, [[8, 1.2]]), heads: 0.05 })],
]

/** What a head knows: the text up to the root, and that what comes between is unknown, for which token 0 stands. */
const asHead = (text: readonly number[], head: number) => [...text, ...new Array<number>(head).fill(0)]

/** Heads that are tables; `text` is what is written so far. */
function tableHeads({ q, vocabSize }: Pair, text: readonly number[]): MedusaModel {
  const model: Partial<MedusaModel> = {
    spec: {
      ...{ headCount, layerCount: 1, hiddenSize: 1, vocabSize, draftVocabSize: vocabSize },
      ...{ bias: false, lmHead: 'target' },
    },
    top: vocabSize,
    async forward() {
      const answers = Array.from({ length: headCount }, (_, head) => q(asHead(text, head)).map(toFloat))
      const order = answers.map((p) => [...p.keys()].sort((a, b) => p[b] - p[a] || a - b))
      return {
        logits: Float32Array.from(answers.flat(), Math.log),
        top: {
          tokens: Int32Array.from(order.flat()),
          logProbabilities: Float32Array.from(
            order.flatMap((ids, head) => ids.map((id) => Math.log(answers[head][id]))),
          ),
        },
      }
    },
  }
  return model as MedusaModel
}

/** How a rule and the heads use chance: one outcome of it. */
interface World {
  readonly rule: AcceptanceRule
  readonly decide: Decide
  /** Tokens of a head, best first. */
  rank(behind: readonly number[], count: number): readonly number[]
  /** Rows of a pass, once so many tokens are written. */
  rows(written: number): number
}

function rejecting({ target }: Pair, chance: Chance<Fraction>): World {
  const rank = () => expect.unreachable('nothing is drawn')
  return { rule: 'rejection', decide: byRejection(target, chance, rejection), rank, rows: () => 5 }
}

/** What a head would draw with the target's noise comes first, then what it finds likely. */
function sharing({ target, q, length }: Pair, noise: ReturnType<typeof noiseOf>, chance: Chance<Fraction>): World {
  const draw = noise(chance)
  return {
    rule: 'target-draw',
    decide: byTargetDraw((text) => draw(target, text), verify),
    rank(behind, count) {
      const drawn = draw(q, behind)
      return [drawn, ...likeliest(q(behind)).filter((token) => token !== drawn)].slice(0, count)
    },
    rows: (written) => length - written,
  }
}

async function write(pair: Pair, tree: MedusaTree, world: World): Promise<number[]> {
  const { vocabSize, length } = pair
  const text: number[] = []
  const drafter = medusa('medusa', tableHeads(pair, text), tree)
  const sampler: Sampler = {
    ...createSampler({ temperature: 1 }, vocabSize),
    rank(logits, position, _history, count) {
      expect(logits).toHaveLength(vocabSize)
      const behind = asHead(text, position - text.length)
      // Beyond the end of the texts that noise was made for nothing is emitted.
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
    await drafter.observe({ path, bonus, emitted, states: new Float32Array(emitted.length), draw: () => 0 })
    text.push(...emitted)
  }
  return text.slice(0, length)
}

async function distance(pair: Pair, tree: () => MedusaTree, worldOf: (chance: Chance<Fraction>) => World) {
  const law: Law = new Map()
  for (const outcome of outcomes()) addTo(law, await write(pair, tree(), worldOf(outcome)), outcome.weight)
  return show(totalVariation(law, lawOfTarget(pair.target, pair.length)))
}

describe.each(pairs)('the law of the target stays as it is, $name', (pair) => {
  test.each(trees)('by rejection: a tree %s', async (_, tree) => {
    expect(await distance(pair, tree, (chance) => rejecting(pair, chance))).toBe('0')
  })

  test.each(trees)('by target draw: a tree %s', async (_, tree) => {
    const noise = noiseOf([pair.target, pair.q], pair.vocabSize, pair.length)
    expect(await distance(pair, tree, (chance) => sharing(pair, noise, chance))).toBe('0')
  })
})
