import { describe, expect, test } from 'vitest'
import { acceptanceRules, passCosts } from '../../decoding/index.ts'
import type { MedusaModel } from '../../model/index.ts'
import { distanceFromTarget, type LevelDrafting, levelPairs, tableOutputs } from '../trees/level-worlds.ts'
import { medusa } from './medusa.ts'
import { expectedTree, type MedusaTree, payingTree } from './trees.ts'

const headCount = 2
const trees: [string, () => MedusaTree][] = [
  ['of fixed shape', () => expectedTree(headCount, 4)],
  ['that pays', () => payingTree(headCount, { target: passCosts(1, [[8, 1.2]]), heads: 0.05 })],
]

/** Heads that are tables: they know the text up to the root, and nothing of what comes between. */
function drafting(tree: MedusaTree): LevelDrafting {
  const known = (text: readonly number[], level: number) => [...text, ...new Array<number>(level).fill(0)]
  return {
    known,
    drafter(pair, text) {
      const { vocabSize } = pair
      const model: Partial<MedusaModel> = {
        spec: {
          ...{ headCount, layerCount: 1, hiddenSize: 1, vocabSize, draftVocabSize: vocabSize },
          ...{ bias: false, lmHead: 'target' },
        },
        top: vocabSize,
        forward: async () => tableOutputs(pair, text, headCount, known),
      }
      return medusa('medusa', model as MedusaModel, tree)
    },
    told: (_pair, _text, emitted) => ({ states: new Float32Array(emitted.length) }),
  }
}

describe.each(levelPairs)('the law of the target stays as it is, $name', (pair) => {
  describe.each(acceptanceRules)('by %s', (rule) => {
    test.each(trees)('a tree %s', async (_, tree) => {
      expect(await distanceFromTarget(pair, rule, () => drafting(tree()))).toBe('0')
    })
  })
})
