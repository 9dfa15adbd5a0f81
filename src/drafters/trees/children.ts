import type { Prefilled, Ranking, TokenHistory } from '../../decoding/index.ts'
import type { EagleHeadOutput, EagleOutputs, Top } from '../../model/index.ts'

/** What may follow a node, in a head's opinion. */
export interface Child {
  readonly token: number
  /** Of the token, given that its parent is accepted: at most 0. */
  readonly logProbability: number
}

/** What may follow a node, and where siblings are drawn, the distribution [vocab] they were drawn from. */
export interface Followers {
  readonly children: readonly Child[]
  readonly drawnFrom?: Float32Array
}

/** What a pass of a head says of its rows. */
export type HeadOutputs = Pick<EagleOutputs, 'top' | 'logits'>

/** Makes children of what a pass of the head says of a row. */
export interface ChildRule {
  readonly wants: readonly EagleHeadOutput[]
  /** Whether it looks at the text: the likeliest tokens are told without. */
  readonly looksBack: boolean
  /** `history` is the text with the path to the node; its length is the output position that they are guessed for. */
  of(outputs: HeadOutputs, row: number, history: TokenHistory): Followers
}

export interface ChildOptions {
  /** Whether siblings are drawn where `rejection` decides. */
  readonly draws: boolean
  /** Children of a node. */
  readonly count: number
  /** Children less likely than this are left out, the best one aside, where siblings are not drawn: none unless given. */
  readonly leastProbability?: number
  /** How many of the likeliest tokens a pass of the head tells of. */
  readonly told: number
  /** Tokens of the target. */
  readonly vocabSize: number
}

/**
 * How many of the likeliest tokens heads are asked for, unless more children are wanted. The target also draws others: at
 * temperature 1 tau was 7 to 22 % lower than with the whole vocabulary ranked, and a step much cheaper (docs/decisions/0015).
 */
export const commonTop = 32

/**
 * The rule for a text.
 *
 * Greedy texts, and guesses without chance: the likeliest tokens, with the head's own probabilities.
 *
 * With the target's noise: of the likeliest tokens that the head tells of, those nearest to being drawn by the noise of the
 * node's output position. Others are drawn too, but each seldom, and to rank them costs a row of the vocabulary. The
 * probability of a child is the softmax over their scores. Were the head's logits the target's but for errors of the size of
 * Gumbel noise, that would be the chance of each to be the target's draw; at temperature 0, where scores are logits, it is
 * the head's own probability.
 *
 * Drawn siblings (`rejection`): the same ranking with noise that no other guess of the text was drawn with is a draw without
 * replacement (Gumbel top-k, Kool et al. 2019).
 */
export function childRule(
  { sampler, rule }: Pick<Prefilled, 'sampler' | 'rule'>,
  { draws, count, leastProbability = 0, told, vocabSize }: ChildOptions,
): ChildRule {
  const rejects = rule === 'rejection' && sampler.settings.temperature > 0
  const least = Math.log(leastProbability)
  if (sampler.greedy || (rejects && !draws)) {
    const most = Math.min(told, count)
    return {
      wants: ['top'],
      looksBack: false,
      of: ({ top }, row) => ({ children: likeliest(top!, row * told, most, least) }),
    }
  }
  if (!rejects) {
    const known = new Float32Array(vocabSize).fill(-Infinity)
    return {
      wants: ['top'],
      looksBack: true,
      of({ top }, row, history) {
        const [from, to] = [row * told, (row + 1) * told]
        const tokens = top!.tokens.subarray(from, to)
        for (const [i, token] of tokens.entries()) known[token] = top!.logProbabilities[from + i]
        const children = weighed(sampler.rank(known, history.length, history, count, tokens))
        for (const token of tokens) known[token] = -Infinity
        return { children: children.filter(({ logProbability }, rank) => rank === 0 || logProbability >= least) }
      },
    }
  }
  let drawn = 0
  return {
    wants: ['logits'],
    looksBack: true,
    of({ logits }, row, history) {
      const own = logits!.subarray(row * vocabSize, (row + 1) * vocabSize)
      const children = weighed(sampler.rank(own, drawn++, history, count))
      return { children, drawnFrom: sampler.distribution(own, history) }
    },
  }
}

function likeliest({ tokens, logProbabilities }: Top, from: number, most: number, least: number): Child[] {
  const children: Child[] = []
  for (let i = from; i < from + most && (i === from || logProbabilities[i] >= least); i++)
    children.push({ token: tokens[i], logProbability: logProbabilities[i] })
  return children
}

/** Log-softmax over the scores. */
function weighed({ tokens, scores }: Ranking): Child[] {
  const total = Math.log(scores.reduce((sum, score) => sum + Math.exp(score - scores[0]), 0))
  return tokens.map((token, rank) => ({ token, logProbability: scores[rank] - scores[0] - total }))
}
