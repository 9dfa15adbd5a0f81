import { describe, expect, test } from 'vitest'
import { acceptanceRules } from '../drafter.ts'
import { typical } from '../typical.ts'
import { recalling, surest, widest } from './certain-drafters.ts'
import { fractions, toFloat } from './fraction.ts'
import { lawOf, lawOfTarget, totalVariation } from './law.ts'
import { type ToyModel, toyModel, toyPairs } from './toy-models.ts'
import { type Decide, write } from './write.ts'

const length = 3
const drafters = { 'a recalled chain': recalling, 'a static tree': widest, 'a tree of the surest guesses': surest }
const cases = [2, 3, 4].flatMap((size) =>
  toyPairs(size, size).flatMap((pair) =>
    Object.entries(drafters).map(([name, makeDrafter]) => ({ ...pair, name: `${name}, ${pair.name}`, makeDrafter })),
  ),
)

/** The law of typical acceptance, and whether it ever took a guess that the target would not always write. */
function written(target: ToyModel, makeDrafter: (q: ToyModel) => ReturnType<typeof recalling>, q: ToyModel) {
  let bent = false
  const law = lawOf((chance) => {
    const decide: Decide = ({ tree }, textAt) => {
      const after = (path: readonly number[]) => target(textAt(path[path.length - 1]))
      const path = typical(tree, (path) => after(path).map(toFloat))
      for (let i = 1; i < path.length; i++)
        if (fractions.less(after(path.slice(0, i))[tree.tokens[path[i]]], fractions.one)) bent = true
      return { path, bonus: chance.categorical(after(path)) }
    }
    return write(length, makeDrafter(q), decide)
  })
  return { law, bent }
}

describe('typical acceptance is not exact, as its name says', () => {
  const bent: string[] = []

  test.each(cases)('$name', ({ name, makeDrafter, target: p, drafter: q }) => {
    const target = toyModel(p, {})
    const made = written(target, makeDrafter, toyModel(q, {}))
    if (made.bent) bent.push(name)
    const distance = toFloat(totalVariation(made.law, lawOfTarget(target, length)))
    if (made.bent) expect(distance).toBeGreaterThan(0)
    else expect(distance).toBe(0)
  })

  test('which shows with most drafters and models', () => {
    expect(bent.length).toBeGreaterThan(cases.length / 2)
    expect(acceptanceRules.filter((rule) => rule.includes('lossy'))).toEqual(['typical-lossy'])
  })
})
