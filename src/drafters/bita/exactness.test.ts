import { describe, expect, test } from 'vitest'
import { acceptanceRules, passCosts } from '../../decoding/index.ts'
import { distanceFromTarget, type LevelDrafting, levelPairs, tableOutputs } from '../trees/level-worlds.ts'
import { bita } from './bita.ts'
import { payingTree } from './paying-tree.ts'
import { type BitaTree, comb } from './trees.ts'

const maskCount = 2
const trees: [string, () => BitaTree][] = [
  ['the published comb', () => comb(maskCount, 2)],
  ['a tree that pays', () => payingTree({ target: passCosts(1, [[8, 1.2]]), masks: 0.05 }, { maskCount, rows: 8 })],
]

/** Masks that are tables: the newest token was the bonus of the pass that they rode in, so they do not know it either. */
function drafting(tree: BitaTree): LevelDrafting {
  const known = (text: readonly number[], level: number) => [
    ...text.slice(0, -1),
    ...new Array<number>(level + 1).fill(0),
  ]
  return {
    known,
    drafter: (pair) =>
      bita(
        'bita',
        { riders: { vectors: new Float32Array(maskCount) }, vocabSize: pair.vocabSize, top: pair.vocabSize },
        tree,
      ),
    told: (pair, text, emitted) => ({
      riders: async (rows) => tableOutputs(pair, [...text, ...emitted], rows.length, known),
    }),
  }
}

describe.each(levelPairs)('the law of the target stays as it is, $name', (pair) => {
  describe.each(acceptanceRules)('by %s', (rule) => {
    test.each(trees)('%s', async (_, tree) => {
      expect(await distanceFromTarget(pair, rule, () => drafting(tree()))).toBe('0')
    })
  })
})
