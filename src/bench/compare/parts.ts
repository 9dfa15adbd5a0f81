import type { Run } from './run.ts'

/** A run with a drafter, and plain decoding of the same prompt right beside it. */
export interface Pair {
  readonly plain: Run
  readonly drafted: Run
}

/**
 * The parts of a speedup. The unit of D, v and h is a one-row pass: the mean pass of plain decoding of the same prompt in
 * the same round, so that it has seen the same contexts and the same machine. Plain decoding does not take one unit a
 * token: it has an h of its own, `plainH`. So
 *
 *   time per token, plain     1 + plainH
 *   time per token, drafted   (D + v + h) / tau
 *   predicted                 tau * (1 + plainH) / (D + v + h)
 *
 * which is S = tau / (D + v + h) where plain decoding is nothing but its passes.
 */
export interface Parts {
  readonly tau: number
  readonly v: number
  readonly D: number
  readonly h: number
  readonly plainH: number
  readonly predicted: number
}

/** Of one pair, or of several together: each step counts the same, in the unit of its own pair. */
export function decompose(pairs: readonly Pair[]): Parts {
  const total = (of: (pair: Pair) => number) => pairs.reduce((sum, pair) => sum + of(pair), 0)
  const steps = total(({ drafted }) => drafted.forwards)
  const perStep = (ms: (run: Run) => number) =>
    total(({ plain, drafted }) => ms(drafted) / (plain.forwardMs / plain.forwards)) / steps
  const tau = total(({ drafted }) => drafted.tokens) / steps
  const D = perStep(({ draftMs }) => draftMs)
  const v = perStep(({ forwardMs }) => forwardMs)
  const h = perStep(({ draftMs, forwardMs, decodeMs }) => decodeMs - draftMs - forwardMs)
  const plainH =
    total(({ plain }) => ((plain.decodeMs - plain.forwardMs) / plain.forwardMs) * plain.forwards) /
    total(({ plain }) => plain.forwards)
  return { tau, v, D, h, plainH, predicted: (tau * (1 + plainH)) / (D + v + h) }
}

/** What `predicted` has to meet: the speedup of several runs together by the clock outside of the loop, in the same units. */
export function measuredSpeedup(pairs: readonly Pair[]): number {
  const total = (of: (pair: Pair) => number) =>
    pairs.reduce((sum, pair) => sum + of(pair) / (pair.plain.forwardMs / pair.plain.forwards), 0)
  const plain = total(({ plain, drafted }) => (plain.loopMs / plain.tokens) * drafted.tokens)
  return plain / total(({ drafted }) => drafted.loopMs)
}

/** Speedup of one pair, decoding only: milliseconds per token, plain over drafted. */
export function speedupOf({ plain, drafted }: Pair): number {
  return plain.decodeMs / plain.tokens / (drafted.decodeMs / drafted.tokens)
}

/** The same with the prompt, by the clock outside of the loop. */
export function endToEndOf({ plain, drafted }: Pair): number {
  const msPerToken = ({ prefillMs, loopMs, tokens }: Run) => (prefillMs + loopMs) / tokens
  return msPerToken(plain) / msPerToken(drafted)
}

/** A speedup whose parts miss it by more than this is not believed: time leaks where no step counts it. */
export const tolerance = 0.03

/** How far the prediction from the parts is from the speedup by the clock outside of the loop: 0.01 is 1 % above it. */
export function deviationOf(pair: Pair): number {
  return decompose([pair]).predicted / measuredSpeedup([pair]) - 1
}
