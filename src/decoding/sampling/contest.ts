import { type Cutoff, createFilter } from './cutoff.ts'
import { gumbelNoise } from './gumbel.ts'
import type { SamplingSettings } from './options.ts'

/**
 * Where the filters' cutoff may come to lie if no logit is off by more than `band`, but for 2 * band in the logits, by which
 * tokens move against each other. Sums of probabilities move by a factor of exp(2 * band / temperature), which can take
 * top-p any number of tokens further.
 */
export interface CutoffRange {
  /** What this keeps stays. */
  readonly tight: Cutoff
  /** What this drops stays out. */
  readonly loose: Cutoff
}

/** More than the rounding error of top-p's sums. */
const rounding = 1e-7

export function cutoffRange(
  settings: SamplingSettings,
  vocabSize: number,
  band: number,
): (logits: Float32Array, max: number) => CutoffRange {
  const { temperature, topP } = settings
  const factor = Math.exp((2 * band) / temperature) + rounding
  const moved = (topP: number) => createFilter({ ...settings, topP: Math.min(1, topP) }, vocabSize)
  const [tight, loose] = topP < 1 ? [moved(topP / factor), moved(topP * factor)] : [moved(1), moved(1)]
  return (logits, max) => ({ tight: tight(logits, max), loose: loose(logits, max) })
}

/**
 * Whether another token would win `winner`'s draw if no logit were off by more than `band`: near-ties of the scores, and
 * near-ties at the filters' cutoff. What executors round differently decides such a draw.
 */
export function isContested(
  logits: Float32Array,
  winner: number,
  { tight, loose }: CutoffRange,
  { temperature, seed }: { temperature: number; seed: number },
  position: number,
  band: number,
): boolean {
  const score =
    temperature === 0
      ? (token: number) => logits[token]
      : (token: number) => logits[token] / temperature + gumbelNoise(seed, position, token)
  // Two logits may move against each other.
  const slack = (2 * band) / (temperature || 1)
  if (logits[winner] <= tight.logit + 2 * band && !leads(logits, winner, 2 * band)) return true
  // -log(2^-53 / 64) is the largest noise there is: what cannot come near with it need not be asked for its own.
  const reach = temperature === 0 ? 0 : 41
  const best = score(winner)
  for (let token = 0; token < logits.length; token++) {
    if (token === winner || logits[token] < loose.logit - 2 * band) continue
    if (logits[token] / (temperature || 1) + reach < best - slack) continue
    if (score(token) >= best - slack) return true
  }
  return false
}

/** Whether all others are so far behind that no filter could drop the token. */
function leads(logits: Float32Array, leader: number, margin: number): boolean {
  return logits.every((logit, token) => token === leader || logit < logits[leader] - margin)
}
