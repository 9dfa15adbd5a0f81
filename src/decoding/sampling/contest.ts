import { type Cutoff, keeps } from './cutoff.ts'
import { gumbelNoise } from './gumbel.ts'

/**
 * Whether another token would win `winner`'s draw if no logit were off by more than `band`: near-ties of the scores, and
 * near-ties at the filters' cutoff. What executors round differently decides such a draw.
 */
export function isContested(
  logits: Float32Array,
  winner: number,
  cutoff: Cutoff,
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
  if (logits[winner] <= cutoff.logit + 2 * band && cutoff.logit > -Infinity) return true
  // -log(2^-53 / 64) is the largest noise there is: what cannot come near with it need not be asked for its own.
  const reach = temperature === 0 ? 0 : 41
  const best = score(winner)
  for (let token = 0; token < logits.length; token++) {
    if (token === winner) continue
    if (!keeps(cutoff, logits[token], token) && logits[token] < cutoff.logit - 2 * band) continue
    if (logits[token] / (temperature || 1) + reach < best - slack) continue
    if (score(token) >= best - slack) return true
  }
  return false
}
