import { describe, expect, test } from 'vitest'
import { outcomes } from '../decoding/exactness/exhaustive.ts'
import { type Fraction, show, toFloat } from '../decoding/exactness/fraction.ts'
import { addTo, type Law, lawOfTarget, totalVariation } from '../decoding/exactness/law.ts'
import { type Draw, noiseOf, textsOf } from '../decoding/exactness/noise.ts'
import { type ToyModel, toyModel, toyPairs } from '../decoding/exactness/toy-models.ts'
import { byRejection, guessesTo } from '../decoding/exactness/write.ts'
import {
  type Chance,
  chain,
  createSampler,
  type Drafter,
  passCosts,
  rejection,
  type Sampler,
} from '../decoding/index.ts'
import type { RowOutputs, Rows, TargetModel } from '../model/index.ts'
import { draftModel } from './draft/draft-model.ts'
import { adaptive, confidence, constant, costAware, disco, heuristic, type Policy } from './policies/index.ts'
import { tinyDisco } from './policies/tiny.ts'
import { promptLookup } from './prompt-lookup/prompt-lookup.ts'

/** Texts behind the prompt, which is token 0. */
const length = 3
const pairs = [...toyPairs(2, 5).slice(0, 3), toyPairs(2, 6)[0]].map(({ name, vocabSize, target, drafter }, i) => ({
  name: `pair ${i}: ${name}`,
  vocabSize,
  target: toyModel(target),
  q: toyModel(drafter),
}))
type Pair = (typeof pairs)[number]

/** The distribution after each text, as a model of its own, and noise that all of them share. */
const contexts = pairs.map(({ q, vocabSize }) => {
  const texts = [0, 1, 2].flatMap((before) => textsOf(vocabSize, before))
  const models = new Map(texts.map((text): [string, ToyModel] => [text.join(), () => q(text)]))
  return [q, { models, noise: noiseOf([...models.values()], vocabSize, 1) }] as const
})
const contextsOf = new Map(contexts)

/** The model that a row of logits was made of. */
const modelOf = new WeakMap<Float32Array, ToyModel>()

/** A draft model that is a table; its cache is the tokens themselves. */
function tableModel({ q, vocabSize }: Pair): TargetModel {
  const cached: number[] = []
  let last: Rows | undefined
  const target = {
    capacity: 100,
    spec: { vocabSize },
    async forward(rows: Rows): Promise<RowOutputs> {
      last = rows
      const text = [...cached, ...rows.tokens].slice(1)
      const logits = Float32Array.from(q(text), (p) => Math.log(toFloat(p)))
      modelOf.set(logits, contextsOf.get(q)!.models.get(text.join())!)
      const tokens = Int32Array.from([...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b))
      return { logits, top: { tokens, logProbabilities: Float32Array.from(tokens, (token) => logits[token]) } }
    },
    commit: (path: Int32Array) => cached.push(...Array.from(path, (row) => last!.tokens[row])),
    truncate(length: number) {
      cached.length = length
    },
    dispose() {},
  }
  // A drafter asks no more than this of a model.
  return { spec: { vocabSize }, createTarget: () => target } as unknown as TargetModel
}

/** Draws as the real sampler does: the noise is that of a position, whatever distribution is asked about there. */
function samplerOf({ q, vocabSize }: Pair, chance: Chance<Fraction>): Sampler {
  const noises = new Map<number, Draw>()
  return {
    ...createSampler({ temperature: 1 }, vocabSize),
    draw(logits, position) {
      const draw = noises.get(position) ?? contextsOf.get(q)!.noise(chance)
      noises.set(position, draw)
      return draw(modelOf.get(logits)!, [])
    },
  }
}

/** One text by rejection, in the order in which `decode` calls a drafter. */
async function write(pair: Pair, drafter: Drafter, chance: Chance<Fraction>): Promise<number[]> {
  const { target, q } = pair
  const decide = byRejection(target, chance, rejection)
  const text: number[] = []
  await drafter.start({ tokens: [0], sampler: samplerOf(pair, chance), rule: 'rejection' })
  while (text.length < length) {
    const { tree, proposal } = await drafter.propose(text.at(-1) ?? 0, { rows: length - text.length })
    const before = [...text]
    const textAt = (row: number) => [...before, ...guessesTo(tree, row)]
    const exact = proposal?.map((floats, row) => {
      const distribution = q(textAt(row))
      if (floats) expect(distribution.map(toFloat).every((p, x) => Math.abs(p - floats[x]) < 1e-6)).toBe(true)
      return floats && distribution
    })
    const { path, bonus } = decide({ tree, ...(exact && { proposal: exact }) }, textAt)
    const emitted = [...path.slice(1).map((row) => tree.tokens[row]), bonus]
    text.push(...emitted)
    await drafter.observe({ path, bonus, emitted, draw: () => 0 })
  }
  return text
}

async function distance(pair: Pair, create: (pair: Pair) => Drafter): Promise<string> {
  const law: Law = new Map()
  for (const outcome of outcomes()) addTo(law, await write(pair, create(pair), outcome), outcome.weight)
  return show(totalVariation(law, lawOfTarget(pair.target, length)))
}

/** As bad as a policy can be: what it doubted once, it does not want to see again. */
function brooding(): Policy {
  let doubted = false
  return {
    name: 'brooding',
    continueDrafting: ({ guesses }) => !(doubted && guesses.length === 0),
    observe({ guesses }) {
      doubted = guesses.length > 1 && guesses[1].confidence!.probability < 0.5
    },
  }
}

const costs = { target: passCosts(1, [[4, 1.2]]), guess: { first: 0.25, next: 0.25 } }
const policies: [string, () => Policy][] = [
  ['constant', () => constant(2)],
  ['heuristic', () => heuristic(1)],
  ['confidence', () => confidence(0.5)],
  ['adaptive', () => adaptive(0.5)],
  ['cost-aware', () => costAware(costs)],
  ['disco', () => disco(tinyDisco, 0.5)],
  ['one that remembers its doubts', brooding],
]

describe.each(pairs)('rejection leaves the law of the target as it is, $name', (pair) => {
  test.each(policies)('with a draft model and a policy: %s', async (_, policy) => {
    expect(await distance(pair, (pair) => draftModel(tableModel(pair), policy()))).toBe('0')
  })

  test('with prompt lookup', async () => {
    expect(await distance(pair, () => promptLookup({ minNgram: 1 }))).toBe('0')
  })
})

test('a draft model whose doubtful guesses are dropped would be found out', async () => {
  const dropping = (pair: Pair): Drafter => {
    const drafter = draftModel(tableModel(pair), constant(1))
    return {
      ...drafter,
      async propose(root, budget) {
        const draft = await drafter.propose(root, budget)
        const [guess] = draft.tree.tokens.slice(1)
        const likely = guess !== undefined && draft.proposal![0]![guess] >= 0.5
        return likely ? draft : { ...draft, tree: chain(root) }
      },
    }
  }
  expect(await distance(pairs[0], dropping)).not.toBe('0')
})
