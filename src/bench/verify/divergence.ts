import { gumbelNoise, type Sampler } from '../../decoding/index.ts'

/** The first index at which two lists of tokens differ, or where the shorter one ends; undefined where they are equal. */
export function firstDivergence(plain: readonly number[], other: readonly number[]): number | undefined {
  const shorter = Math.min(plain.length, other.length)
  for (let i = 0; i < shorter; i++) if (plain[i] !== other[i]) return i
  return plain.length === other.length ? undefined : shorter
}

/** How near to one another the tokens of a draw were. In logits, at any temperature. */
export interface Tie {
  /** Between the winner of the draw and the one behind it. */
  readonly margin: number
  /** Between two given tokens; negative where the second one is ahead. */
  readonly gap: number
}

/**
 * What a draw without filters and penalties compares: logits, and above temperature 0 logits and the noise of the draw,
 * both times the temperature so that an error of a logit counts the same. `logits` [vocab]. No token at all (undefined) is
 * infinitely far from any.
 */
export function tieOf(
  logits: Float32Array,
  { temperature, seed }: Sampler['settings'],
  position: number,
  plain: number | undefined,
  other: number | undefined,
): Tie {
  const score = (token: number) =>
    temperature === 0 ? logits[token] : logits[token] + temperature * gumbelNoise(seed, position, token)
  let [best, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let token = 0; token < logits.length; token++) {
    const value = score(token)
    if (value > best) [best, second] = [value, best]
    else if (value > second) second = value
  }
  const apart = plain === undefined || other === undefined
  return { margin: best - second, gap: apart ? Number.POSITIVE_INFINITY : score(plain) - score(other) }
}

/**
 * Whether a difference is what rounding can do: by a pass of one row the token is that of plain decoding, and errors of
 * up to `rowError` in each of the two logits can have turned the order round.
 */
export function isExplained(
  oneRow: number,
  plain: number | undefined,
  { gap }: Pick<Tie, 'gap'>,
  rowError: number,
): boolean {
  return oneRow === plain && gap <= 2 * rowError
}
