import { type Draft, type Drafter, TokenHistory } from '../../decoding/index.ts'
import type { LearnedRiders, Rows } from '../../model/index.ts'
import { type ChildRule, childRule } from '../trees/children.ts'
import { guessesByLevel, type LevelGuesses, mostChildren, treeOfLevels } from '../trees/levels.ts'
import type { BitaTree } from './trees.ts'

/** Masks ready to ride. */
export interface BitaModel {
  readonly riders: LearnedRiders
  readonly vocabSize: number
  /** How many of the likeliest tokens the target tells of a mask. */
  readonly top: number
}

const nothing: LevelGuesses = () => []

/**
 * BiTA (Lin et al. 2024, section 3.2): masks ride behind the rows of a pass, and say what comes further on in the text that
 * ends there. Those behind the last row that was accepted make the guesses of the next pass: mask m (from 0) stands where
 * the bonus token and m guesses will, and tells the guesses of depth m + 1. So the pass that checks guesses makes the next
 * ones. `tree` says what is guessed, and which rows carry how many masks.
 */
export function bita(name: string, { riders, vocabSize, top }: BitaModel, tree: BitaTree): Drafter {
  let rule: ChildRule
  let history: TokenHistory
  let guesses: LevelGuesses
  /** Depths that there are guesses for. */
  let levels: number
  /** Of each row of the last tree the rows of its masks. */
  let groups: readonly (readonly number[])[]
  let ends: ReadonlySet<number> | undefined
  return {
    name,
    riders,

    start({ tokens, sampler, rule: acceptance, ends: ending }) {
      // Siblings come without chance under `rejection`: masks know one level each, and a node's children are its cousins'.
      rule = childRule({ sampler, rule: acceptance }, { draws: false, count: mostChildren, told: top, vocabSize })
      history = new TokenHistory(tokens)
      guesses = nothing
      levels = 0
      groups = []
      ends = ending
    },

    propose(root, { rows }): Draft {
      const { nodes, masks } = tree.choose(levels, rows)
      const { tree: proposed, rows: at } = treeOfLevels(root, nodes, guesses, ends)
      const behind = new Array<number>(proposed.size).fill(0)
      for (const [node, count] of masks.entries()) {
        const row = at[node]
        if (row !== undefined) behind[row] = count
      }
      const ridden = chains(behind, vocabSize)
      groups = ridden.groups
      return { tree: proposed, ...(ridden.rows.tokens.length > 0 && { riders: ridden.rows }) }
    },

    async observe({ path, emitted, riders: headOn }) {
      tree.observe?.(emitted.slice(0, levels).map((token, i) => guesses(i + 1).indexOf(token)))
      for (const token of emitted) history.push(token)
      const group = groups[path[path.length - 1]]
      levels = group.length
      guesses = levels > 0 ? guessesByLevel(rule, await headOn!(group, rule.wants), levels, history) : nothing
    },
  }
}

/** Riders behind a tree: `counts[row]` masks behind each of its rows, one behind the other. */
function chains(counts: readonly number[], vocabSize: number) {
  const tokens: number[] = []
  const parents: number[] = []
  const groups = counts.map((count, row) =>
    Array.from({ length: count }, (_, mask) => {
      const rider = counts.length + tokens.push(vocabSize + mask) - 1
      parents.push(mask === 0 ? row : rider - 1)
      return rider
    }),
  )
  const rows: Rows = { tokens: Int32Array.from(tokens), parents: Int32Array.from(parents) }
  return { rows, groups }
}
