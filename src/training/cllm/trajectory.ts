import { PacelineError } from '../../errors.ts'
import { type Answer, parseAnswer } from '../collect/index.ts'

/*
 * A file of trajectories is a file of answers (JSONL, { task, prompt, response, finish, tokens } a line) with more fields:
 *   block      how many tokens blocks have; the last one of an answer may be shorter
 *   promptIds  tokens of the prompt as it was asked, chat template and all
 *   blocks     one after the other: { tokens, iterates }, see `Trajectory`
 * The tokens of all blocks are the answer, with the token that ended it. "paceline data" takes it for answers.
 */

/** How a block of an answer was found by Jacobi iteration. */
export interface Trajectory {
  /** The fixed point: the text, greedy or as it was drawn. */
  readonly tokens: readonly number[]
  /**
   * The iterates before it, from the first guess on. Of each only what stands from its first wrong token on, so that they
   * become shorter: its other tokens are those of the fixed point.
   */
  readonly iterates: readonly (readonly number[])[]
}

export interface TrajectoryAnswer extends Answer {
  readonly block: number
  readonly promptIds: readonly number[]
  readonly blocks: readonly Trajectory[]
}

/** A trajectory from its fixed point, maybe cut where the text ended, and its iterates of at least that length. */
export function trajectoryOf(tokens: readonly number[], iterates: readonly (readonly number[])[]): Trajectory {
  const wrong = iterates.flatMap((iterate) => {
    const first = tokens.findIndex((token, i) => iterate[i] !== token)
    return first < 0 ? [] : [iterate.slice(first, tokens.length)]
  })
  return { tokens, iterates: wrong }
}

/** Reads one line. Throws code `format`, beginning with `where`. */
export function parseTrajectories(line: string, where: string): TrajectoryAnswer {
  const answer = parseAnswer(line, where) as TrajectoryAnswer
  const refuse = (problem: string) =>
    new PacelineError('format', `${where}: ${problem}. Collect into another file with --trajectories.`)
  const { block, promptIds, blocks } = answer
  if (!(Number.isSafeInteger(block) && block >= 2)) throw refuse('"block" is not a number of tokens of at least 2')
  if (!isTokens(promptIds) || promptIds.length === 0) throw refuse('"promptIds" is not a list of tokens')
  if (!Array.isArray(blocks)) throw refuse('"blocks" is not a list')
  for (const [i, trajectory] of blocks.entries()) {
    const { tokens, iterates } = (trajectory ?? {}) as Partial<Trajectory>
    if (!isTokens(tokens) || !Array.isArray(iterates)) throw refuse(`"blocks" ${i} is not { tokens, iterates }`)
    if (tokens.length === 0 || tokens.length > block || (i + 1 < blocks.length && tokens.length < block))
      throw refuse(`"blocks" ${i} has ${tokens.length} tokens, "block" is ${block}`)
    let left = tokens.length
    for (const iterate of iterates) {
      if (!isTokens(iterate) || iterate.length === 0 || iterate.length > left)
        throw refuse(`an iterate of "blocks" ${i} is not a list of 1 to ${left} tokens`)
      if (iterate[0] === tokens[tokens.length - iterate.length])
        throw refuse(`an iterate of "blocks" ${i} does not begin with its first wrong token`)
      left = iterate.length
    }
  }
  const written = blocks.reduce((sum, { tokens }) => sum + tokens.length, 0)
  if (written !== answer.tokens) throw refuse(`"blocks" hold ${written} tokens, "tokens" is ${answer.tokens}`)
  return answer
}

function isTokens(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((id) => Number.isInteger(id) && id >= 0)
}
