import { describe, expect, test } from 'vitest'
import type { Chance } from '../arithmetic.ts'
import { rejection } from '../rejection.ts'
import { likeliest } from './certain-drafters.ts'
import { chained } from './drawing-drafters.ts'
import type { Outcome } from './exhaustive.ts'
import { type Fraction, fraction, fractions, show } from './fraction.ts'
import { GrowingTree } from './growing-tree.ts'
import { lawOf, lawOfTarget, totalVariation } from './law.ts'
import { noiseOf } from './noise.ts'
import { type ToyModel, toyModel, toyPairs } from './toy-models.ts'
import { byRejection, type Decide, type ToyDraft, type ToyDrafter, write } from './write.ts'

const { zero, one, less, divide } = fractions

/** The rules are right here; what is wrong is what they are told. */
const [pair] = toyPairs(3, 3)
const length = 2
const target = toyModel(pair.target, { sharpness: 2 })
const q = toyModel(pair.drafter, { sharpness: 2 })
const warm = { target: toyModel(pair.target), q: toyModel(pair.drafter) }

/** A drafter of one level: `guess` fills it. */
const drafter = (guess: (tree: GrowingTree, q: readonly Fraction[]) => void, model = q): ToyDrafter => ({
  propose(text, room): ToyDraft {
    const tree = new GrowingTree(text)
    if (room > 0) guess(tree, model(text))
    return tree.draft()
  },
})

type Way = (chance: Outcome) => readonly number[]

function distanceOf(way: Way): string {
  return show(totalVariation(lawOf(way), lawOfTarget(target, length)))
}

const rejecting =
  (make: (chance: Chance<Fraction>) => ToyDrafter, decide: (chance: Chance<Fraction>) => Decide = right): Way =>
  (chance) =>
    write(length, make(chance), decide(chance))

const right = (chance: Chance<Fraction>) => byRejection(target, chance, rejection)

const wrongWays: Record<string, Way> = {
  'the likeliest guess, said to be drawn': rejecting(() =>
    drafter((tree, q) => {
      tree.add(0, likeliest(q)[0])
      tree.drawnFrom(0, q)
    }),
  ),
  'a guess drawn at another temperature than q says': rejecting((chance) =>
    drafter((tree, warmQ) => {
      tree.add(0, chance.categorical(warmQ))
      tree.drawnFrom(0, q(tree.textAt(0)))
    }, warm.q),
  ),
  'siblings put in order after they were drawn': rejecting((chance) =>
    drafter((tree, q) => {
      const first = chance.categorical(q)
      const rest = q.map((mass, token) => (token === first ? zero : mass))
      const second = chance.categorical(rest.map((mass) => divide(mass, rest.reduce(fractions.add))))
      for (const token of [first, second].sort((a, b) => a - b)) tree.add(0, token)
      tree.drawnFrom(0, q)
    }),
  ),
  'a drawn guess that is left out when it looks unlikely': rejecting((chance) =>
    drafter((tree, q) => {
      const token = chance.categorical(q)
      if (less(q[token], fraction(1, 2))) return
      tree.add(0, token)
      tree.drawnFrom(0, q)
    }),
  ),
  'a bonus token without temperature': rejecting(
    (chance) => chained()(q, chance),
    (chance) => (draft, textAt) =>
      rejection<Fraction>(
        draft.tree,
        (row) => ([...draft.tree.children(row)].length > 0 ? target : warm.target)(textAt(row)),
        (row) => draft.proposal?.[row],
        chance,
        fractions,
      ),
  ),
}

describe('a rule that is told something wrong is found out', () => {
  test.each(Object.entries(wrongWays))('%s', (_, way) => {
    expect(distanceOf(way)).not.toBe('0')
  })
})

test('a drawn guess that is not said to be drawn is as good as a certain one', () => {
  const silent = rejecting((chance) => drafter((tree, q) => void tree.add(0, chance.categorical(q))))
  expect(distanceOf(silent)).toBe('0')
})

test('siblings drawn with replacement, repeats left out, are siblings drawn without', () => {
  const merged = rejecting((chance) =>
    drafter((tree, q) => {
      for (let i = 0; i < 2; i++) tree.add(0, chance.categorical(q))
      tree.drawnFrom(0, q)
    }),
  )
  expect(distanceOf(merged)).toBe('0')
})

test('of two equally likely tokens, the one that the drafter leaves in is written 11 times of 20', () => {
  const [p, q] = [
    [fraction(1, 2), fraction(1, 2)],
    [fraction(9, 10), fraction(1, 10)],
  ]
  const law = (leavesOut: boolean) =>
    lawOf((chance) => {
      const tree = new GrowingTree([])
      const token = chance.categorical(q)
      if (!leavesOut || !less(q[token], fraction(1, 2))) {
        tree.add(0, token)
        tree.drawnFrom(0, q)
      }
      return write(
        1,
        { propose: () => tree.draft() },
        byRejection(() => p, chance, rejection),
      )
    })
  expect(show(law(true).get('0')!)).toBe('11/20')
  expect(show(law(false).get('0')!)).toBe('1/2')
})

test('a coin that the guess was drawn with must not decide over it', () => {
  const ratios = q([]).map((mass, token) => divide(target([])[token], mass))
  const coins = ratios.map((ratio): ToyModel => {
    const p = less(ratio, one) ? ratio : one
    return () => [p, fractions.subtract(one, p)]
  })
  const noise = noiseOf([q, ...coins], pair.vocabSize, 1)
  const law = lawOf((chance) => {
    const draw = noise(chance)
    const tree = new GrowingTree([])
    const guess = draw(q, [])
    tree.add(0, guess)
    tree.drawnFrom(0, q([]))
    // The same number falls below the probability of acceptance or not.
    const sameCoin = { bernoulli: () => draw(coins[guess], []) === 0, categorical: chance.categorical }
    return write(1, { propose: () => tree.draft() }, byRejection(target, sameCoin, rejection))
  })
  expect(show(totalVariation(law, lawOfTarget(target, 1)))).not.toBe('0')
})

describe('a drafter that remembers its doubts, and does not guess at their positions again', () => {
  const distance = (drawing: (chance: Outcome) => (text: readonly number[]) => number) =>
    show(
      totalVariation(
        lawOf((chance) => write(3, remembering(drawing(chance)), right(chance))),
        lawOfTarget(target, 3),
      ),
    )

  test('is exact where every guess is drawn with new chance', () => {
    expect(distance((chance) => (text) => chance.categorical(q(text)))).toBe('0')
  })

  test('is found out where the noise of a position stays: the doubt told what would be guessed', () => {
    const noise = noiseOf([q], pair.vocabSize, 3)
    expect(
      distance((chance) => {
        const draw = noise(chance)
        return (text) => draw(q, text)
      }),
    ).not.toBe('0')
  })
})

function remembering(draw: (text: readonly number[]) => number): ToyDrafter {
  const doubted = new Set<number>()
  return {
    propose(text, room) {
      const tree = new GrowingTree(text)
      let row = 0
      for (let position = text.length; position < text.length + room && !doubted.has(position); position++) {
        const before = tree.textAt(row)
        const token = draw(before)
        tree.drawnFrom(row, q(before))
        row = tree.add(row, token)
        if (less(q(before)[token], fraction(1, 2))) doubted.add(position)
      }
      return tree.draft()
    },
  }
}
