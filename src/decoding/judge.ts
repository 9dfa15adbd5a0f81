import type { HeadOutput, RowOutputs } from '../model/index.ts'
import { floats } from './arithmetic.ts'
import { chanceOf } from './chance.ts'
import type { AcceptanceRule, Draft } from './drafter.ts'
import { rejection } from './rejection.ts'
import type { Sampler, TokenHistory } from './sampling/index.ts'
import { typical } from './typical.ts'
import { type Acceptance, verify } from './verify.ts'

/** The bonus token of a decision that a pass of one row has to make: no token has this id. */
export const undecided = -1

export interface JudgeOptions {
  readonly sampler: Sampler
  readonly rule?: AcceptanceRule
  /** Draws that errors of this size in the logits could change stay undecided. */
  readonly strict?: number
}

/** Decides drafts from the target's outputs, by one rule. */
export interface Judge {
  /** What it needs to know of each row. */
  readonly wants: HeadOutput
  /** The accepted path and the bonus token. The accepted guesses are pushed onto `history`, the bonus token is not. */
  decide(draft: Draft, outputs: RowOutputs, history: TokenHistory): Acceptance
  /** The target's own token after `row`, at output `position`. */
  draw(outputs: RowOutputs, row: number, position: number, history: TokenHistory): number
}

export function createJudge(vocabSize: number, { sampler, rule = 'target-draw', strict = 0 }: JudgeOptions): Judge {
  const logitsOf = ({ logits }: RowOutputs, row: number) => logits!.subarray(row * vocabSize, (row + 1) * vocabSize)
  const draw: Judge['draw'] = (outputs, row, position, history) =>
    outputs.argmax?.[row] ?? sampler.draw(logitsOf(outputs, row), position, history)
  // Without chance all rules are one: p holds nothing but the likeliest token.
  const applied = sampler.settings.temperature > 0 ? rule : 'target-draw'
  return {
    wants: sampler.greedy && strict === 0 ? 'argmax' : 'logits',
    draw,
    decide({ tree, riders, proposal }, outputs, history) {
      const alone = tree.size === 1 && riders === undefined
      const descend = (row: number) => {
        if (row > 0) history.push(tree.tokens[row])
      }
      if (applied === 'typical-lossy') {
        const path = typical(tree, (path) => {
          for (const row of path) descend(row)
          const after = sampler.distribution(logitsOf(outputs, path[path.length - 1]), history)
          for (let guesses = 1; guesses < path.length; guesses++) history.pop()
          return after
        })
        for (const row of path) descend(row)
        return { path, bonus: draw(outputs, path[path.length - 1], history.length, history) }
      }
      if (applied === 'rejection')
        return rejection<number>(
          tree,
          (row) => {
            descend(row)
            return sampler.distribution(logitsOf(outputs, row), history)
          },
          (row) => proposal?.[row],
          chanceOf(sampler.settings.seed, history.length),
          floats,
        )
      return verify(tree, (row) => {
        descend(row)
        const position = history.length
        if (strict > 0 && !alone && sampler.contested(logitsOf(outputs, row), position, history, strict))
          return undecided
        return draw(outputs, row, position, history)
      })
    },
  }
}
