import type { Guess, Policy } from '../../drafters/index.ts'
import type { LoggedCosts, LoggedText } from './log.ts'

/** What a policy would have made of logged texts. Times in passes of the target of one row. */
export interface Replayed {
  readonly tokens: number
  /** Passes of the target. */
  readonly forwards: number
  /** Guesses, each a pass of the draft model. */
  readonly drafts: number
  readonly tau: number
  readonly D: number
  readonly v: number
  /** tau / (D + v): all but what else a step takes. */
  readonly S: number
}

/**
 * Runs a policy over logged texts. What a draft model guesses at a position follows from the text before it, wherever the
 * draft began, so that one log tells of drafts of any length. Two things it cannot tell: whether the draft model would
 * have guessed the bonus token behind a logged draft that was accepted whole (drafts end before it), and guesses further
 * behind a wrong one than were logged (the last one stands for them; none of them can be accepted).
 */
export function replay(texts: readonly LoggedText[], policy: Policy, costs: LoggedCosts): Replayed {
  let [tokens, forwards, drafts, verifying] = [0, 0, 0, 0]
  for (const text of texts) {
    const { length, guessAt, isRight } = known.get(text) ?? positionsOf(text)
    for (let at = 0; at < length; ) {
      const guesses: Guess[] = []
      while (
        // As when decoding: the last token is the bonus token.
        guesses.length < length - at - 1 &&
        policy.continueDrafting({ guesses, position: at + guesses.length })
      ) {
        const guess = guessAt(at, guesses.length)
        if (guess === undefined) break
        guesses.push(guess)
      }
      let accepted = 0
      while (accepted < guesses.length && isRight(at + accepted)) accepted++
      policy.observe?.({ guesses, position: at, accepted })
      forwards++
      drafts += guesses.length
      verifying += costs.v[Math.min(guesses.length, costs.v.length - 1)]
      tokens += accepted + 1
      at += accepted + 1
    }
  }
  const [tau, D, v] = [tokens / forwards, (drafts * costs.guess) / forwards, verifying / forwards]
  return { tokens, forwards, drafts, tau, D, v, S: tau / (D + v) }
}

interface Positions {
  readonly length: number
  isRight(at: number): boolean
  /** Guess `index` of a draft that begins at `from`; undefined where the log does not tell. */
  guessAt(from: number, index: number): Guess | undefined
}

/** Whoever chooses among policies replays the same texts hundreds of times. */
const known = new WeakMap<LoggedText, Positions>()

/** A text by its positions. */
function positionsOf(text: LoggedText): Positions {
  const { steps } = text
  /** The guess at each position; none at that of a bonus token behind a draft that was accepted whole. */
  const guesses: (Guess | undefined)[] = []
  const right: boolean[] = []
  /** Guesses behind the wrong one at a position. */
  const behind = new Map<number, readonly Guess[]>()
  for (const { guesses: drafted, accepted } of steps) {
    if (accepted < drafted.length) behind.set(guesses.length + accepted, drafted.slice(accepted + 1))
    for (let i = 0; i <= accepted; i++) {
      guesses.push(drafted[i])
      right.push(i < accepted)
    }
  }
  /** The first position from each on whose guess is not right. */
  const firstWrong = new Int32Array(guesses.length)
  for (let at = guesses.length - 1; at >= 0; at--)
    firstWrong[at] = right[at] ? (at + 1 < guesses.length ? firstWrong[at + 1] : guesses.length) : at
  const positions: Positions = {
    length: guesses.length,
    isRight: (at) => right[at],
    guessAt(from, index) {
      const [at, wrong] = [from + index, firstWrong[from]]
      if (at <= wrong) return guesses[at]
      const rest = behind.get(wrong)
      return rest?.[at - wrong - 1] ?? rest?.at(-1) ?? guesses[wrong]
    },
  }
  known.set(text, positions)
  return positions
}

/** Stops at the first wrong guess: what no policy can reach. */
export function replayOracle(texts: readonly LoggedText[], costs: LoggedCosts): Replayed {
  const right = new Set(
    texts.flatMap(({ steps }) => steps.flatMap(({ guesses, accepted }) => guesses.slice(0, accepted))),
  )
  const continueDrafting: Policy['continueDrafting'] = ({ guesses }) =>
    guesses.length === 0 || right.has(guesses[guesses.length - 1])
  return replay(texts, { name: 'oracle', continueDrafting }, costs)
}
