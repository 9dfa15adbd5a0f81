import type { Chance } from '../arithmetic.ts'
import type { rejection } from '../rejection.ts'
import type { verify } from '../verify.ts'
import { recalling, surest, widest } from './certain-drafters.ts'
import { branching, chained, doubting, mixing, shaping } from './drawing-drafters.ts'
import { type Fraction, fraction } from './fraction.ts'
import { type Law, lawOf, lawOfTarget, totalVariation } from './law.ts'
import { agreeing, iterating, knowing, type Looking, pooling } from './looking-drafters.ts'
import { noiseOf } from './noise.ts'
import type { Processing } from './processing.ts'
import { type ToyModel, type ToyPair, toyModel, toyPairs } from './toy-models.ts'
import { byRejection, byTargetDraw, type ToyDrafter, write } from './write.ts'

/** One way of drafting: for `rejection` with chance of its own, or with the target's noise. */
type Drawing = (q: ToyModel, chance: Chance<Fraction>) => ToyDrafter

const certain: Record<string, (q: ToyModel) => ToyDrafter> = {
  'a recalled chain': recalling,
  'a static tree': (q) => widest(q),
  'a tree of the surest guesses': (q) => surest(q),
}

const drawing: Record<string, Drawing> = {
  'a drawn chain': chained(),
  'one drawn guess': chained(1),
  'a chain that ends with a doubtful guess': doubting,
  'two siblings without replacement': branching(2),
  'a shape that follows from what was drawn': shaping,
  'drawn guesses, then certain ones': mixing(true),
  'certain guesses, then drawn ones': mixing(false),
}

const looking: Record<string, (world: Looking) => ToyDrafter> = {
  'a chain of the same noise': agreeing(false),
  'a chain without doubtful guesses': agreeing(true),
  'a tree that knows the draws': knowing,
  'the last iterate': iterating,
  'a pool of what was seen': pooling,
}

/** Each way of processing is used on some pair and some drafter. */
const processings: Processing[] = [
  {},
  { sharpness: 2 },
  { topK: 2 },
  { sharpness: 2, topK: 3, topP: fraction(773, 1000) },
]

export interface Scenario<Rule> {
  readonly name: string
  /** How far the law of what a rule writes is from that of the target: 0 where it is exact. */
  distance(rule: Rule): Fraction
}

/** Texts of three tokens of two, of two tokens of four: as much as is walked through in no time. */
const lengths: Record<number, number> = { 2: 4, 3: 3, 4: 2 }

const pairs: (ToyPair & { readonly length: number; readonly processing: Processing })[] = [2, 3, 4]
  .flatMap((size) => toyPairs(size, size))
  .map((pair, i) => ({ ...pair, length: lengths[pair.vocabSize], processing: processings[i % processings.length] }))

/** By rejection: drafters that draw, and those that need no chance. */
export const rejectionScenarios: readonly Scenario<typeof rejection>[] = pairs.flatMap((pair) =>
  Object.entries({ ...certain, ...drawing }).map(([name, makeDrafter]) => {
    const [target, q] = [pair.target, pair.drafter].map((weights) => toyModel(weights, pair.processing))
    return {
      name: `${name}, ${pair.name}`,
      distance(rule) {
        const law = lawOf((chance) => write(pair.length, makeDrafter(q, chance), byRejection(target, chance, rule)))
        return totalVariation(law, lawOfTarget(target, pair.length))
      },
    }
  }),
)

/** By target draw: drafters that look at the target's noise, or do not, and draws that nobody could know. */
export const targetDrawScenarios: readonly Scenario<typeof verify>[] = pairs.flatMap((pair) => {
  const [target, drafter] = [pair.target, pair.drafter].map((weights) => toyModel(weights, pair.processing))
  const noise = noiseOf([target, drafter], pair.vocabSize, pair.length)
  const truth = lawOfTarget(target, pair.length)
  const scenario = (name: string, law: (rule: typeof verify) => Law): Scenario<typeof verify> => ({
    name: `${name}, ${pair.name}`,
    distance: (rule) => totalVariation(law(rule), truth),
  })
  return [
    ...Object.entries(looking).map(([name, makeDrafter]) =>
      scenario(name, (rule) =>
        lawOf((chance) => {
          const draw = noise(chance)
          const decide = byTargetDraw((text) => draw(target, text), rule)
          return write(pair.length, makeDrafter({ target, drafter, draw }), decide)
        }),
      ),
    ),
    ...Object.entries(certain).map(([name, makeDrafter]) =>
      scenario(name, (rule) =>
        lawOf((chance) => {
          const decide = byTargetDraw((text) => chance.categorical(target(text)), rule)
          return write(pair.length, makeDrafter(drafter), decide)
        }),
      ),
    ),
  ]
})
