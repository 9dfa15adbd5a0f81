import { chain, type Drafter, TokenHistory } from '../../decoding/index.ts'
import type { MedusaModel } from '../../model/index.ts'
import { type ChildRule, childRule } from '../trees/children.ts'
import { guessesByLevel, type LevelGuesses, mostChildren, treeOfLevels } from '../trees/levels.ts'
import type { MedusaTree } from './trees.ts'

/**
 * Medusa (Cai et al. 2024, section 2): heads on the feature of the last position that the target has computed; head k
 * guesses the token k positions behind the root, whatever stands between. So all nodes of a level have the same children, and
 * one pass of the heads makes the whole tree. `tree` says what shape it has; `model` stays the caller's.
 */
export function medusa(name: string, model: MedusaModel, tree: MedusaTree): Drafter {
  const { headCount, hiddenSize, vocabSize } = model.spec
  let rule: ChildRule
  let history: TokenHistory
  /** [hidden]: of the position before the root. */
  let feature: Float32Array | undefined
  let guesses: LevelGuesses | undefined
  let size = 1
  let ends: ReadonlySet<number> | undefined
  return {
    name,
    wants: 'features',

    start({ tokens, states, sampler, rule: acceptance, ends: ending }) {
      // Siblings come without chance under `rejection`: heads know one level each, and a node's children are its cousins'.
      const options = { draws: false, count: mostChildren, told: model.top, vocabSize }
      rule = childRule({ sampler, rule: acceptance }, options)
      history = new TokenHistory(tokens)
      feature = tokens.length > 1 ? states!.slice(-hiddenSize) : undefined
      guesses = undefined
      ends = ending
    },

    async propose(root, { rows }) {
      guesses = undefined
      size = 1
      if (feature === undefined || rows < 2) return { tree: chain(root) }
      const shape = tree.choose(rows - 1)
      if (shape.length < 2) return { tree: chain(root) }
      guesses = guessesByLevel(rule, await model.forward(feature, rule.wants), headCount, history)
      const { tree: proposed } = treeOfLevels(root, shape, guesses, ends)
      size = proposed.size
      return { tree: proposed, forwards: 1 }
    },

    observe({ emitted, took, states }) {
      const known = guesses
      const ranks = known ? emitted.slice(0, headCount).map((token, i) => known(i + 1).indexOf(token)) : []
      tree.observe?.(ranks, { rows: size, tokens: emitted.length, ...(took && { took }) })
      for (const token of emitted) history.push(token)
      feature = states!.slice(-hiddenSize)
      guesses = undefined
    },
  }
}
