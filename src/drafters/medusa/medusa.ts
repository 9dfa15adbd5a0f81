import { chain, type Drafter, TokenHistory, TokenTree } from '../../decoding/index.ts'
import type { MedusaModel } from '../../model/index.ts'
import { type ChildRule, childRule } from '../trees/children.ts'
import type { ShapeNode } from '../trees/shape.ts'
import { type MedusaTree, mostChildren } from './trees.ts'

/** The tokens that may stand at a depth (from 1), best first. */
type Guesses = (depth: number) => readonly number[]

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
  let guesses: Guesses | undefined
  return {
    name,
    wants: 'features',

    start({ tokens, states, sampler, rule: acceptance }) {
      // Siblings come without chance under `rejection`: heads know one level each, and a node's children are its cousins'.
      const options = { draws: false, count: mostChildren, told: model.top, vocabSize }
      rule = childRule({ sampler, rule: acceptance }, options)
      history = new TokenHistory(tokens)
      feature = tokens.length > 1 ? states!.slice(-hiddenSize) : undefined
      guesses = undefined
    },

    async propose(root, { rows }) {
      guesses = undefined
      if (feature === undefined || rows < 2) return { tree: chain(root) }
      const shape = tree.choose(rows - 1)
      if (shape.length < 2) return { tree: chain(root) }
      guesses = guessesBy(rule, await model.forward(feature, rule.wants), history)
      return { tree: treeOf(root, shape, guesses), forwards: 1 }
    },

    observe({ emitted, states }) {
      const known = guesses
      tree.observe?.(known ? emitted.slice(0, headCount).map((token, i) => known(i + 1).indexOf(token)) : [])
      for (const token of emitted) history.push(token)
      feature = states!.slice(-hiddenSize)
      guesses = undefined
    },
  }
}

/**
 * Head by head, when a level is first asked for. Noise is that of the level's output position; penalties are those of the
 * likeliest path to it, since nodes of a level are told apart by nothing else: beside that path guesses are a little worse.
 */
function guessesBy(rule: ChildRule, outputs: Parameters<ChildRule['of']>[0], history: TokenHistory): Guesses {
  const levels: (readonly number[])[] = []
  return function level(depth): readonly number[] {
    const known = levels[depth - 1]
    if (known) return known
    const path: number[] = []
    for (let above = 1; above < depth; above++) path.push(level(above)[0])
    for (const token of path) history.push(token)
    const { children } = rule.of(outputs, depth - 1, history)
    for (const _ of path) history.pop()
    levels[depth - 1] = children.map(({ token }) => token)
    return levels[depth - 1]
  }
}

/** The shape with tokens; without what stands behind ranks that a head has no token for. */
function treeOf(root: number, shape: readonly ShapeNode[], guesses: Guesses): TokenTree {
  const tokens = [root]
  const parents = [-1]
  const rows = [0]
  for (const [node, { parent, rank, depth }] of shape.entries()) {
    const token = node === 0 || rows[parent] === undefined ? undefined : guesses(depth)[rank]
    if (token === undefined) continue
    parents.push(rows[parent])
    rows[node] = tokens.push(token) - 1
  }
  return new TokenTree(tokens, parents)
}
