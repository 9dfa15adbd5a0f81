import { type Cutoff, keeps } from './cutoff.ts'
import { philox4x32 } from './philox.ts'

/**
 * Gumbel-max: argmax over x of log p(x) + g(x), with independent g(x) = -log(E(x)) and E(x) ~ Exp(1), is a draw from p
 * (Gumbel 1954; Maddison et al. 2014). Here E is a pure function of (seed, position, token), so a draw depends on
 * nothing but the logits: not on who asks, how often, or in which order.
 *
 * To leave most of a large vocabulary untouched, the noise of 64 neighbouring tokens is defined from its smallest
 * member. The minimum of 64 independent Exp(1) is Exp(64), its place is uniform, and by memorylessness all others
 * exceed it by fresh Exp(1):
 *
 *     E(x) = floor(block)                 if x is the block's champion
 *            floor(block) + Exp(1)        otherwise
 *
 * So the E(x) are exactly independent Exp(1), and one number bounds the noise of a whole block from above.
 */
const blockSize = 64

/** More than the rounding error of a score, so that a block is only skipped when it truly cannot win. */
const slack = 1e-9

const perBlock = 0
const perToken = 1
const words = new Uint32Array(4)

/** Fills `words`. `index` is a block or a token; `kind` keeps the two streams apart. */
function drawWords(kind: number, seed: number, position: number, index: number): void {
  philox4x32(words, index, position, kind, 0, seed >>> 0, Math.floor(seed / 2 ** 32))
}

/** Exp(1) from the first 52 bits of `words`; u is in the open interval (0, 1), so the result is finite and positive. */
function exponential(): number {
  const u = (words[0] * 2 ** 20 + (words[1] >>> 12) + 0.5) * 2 ** -52
  return -Math.log(u)
}

/**
 * The standard Gumbel noise of `token` at output `position` (below 2^32) under `seed` (a safe integer >= 0). A drafter
 * that ranks its candidates by logit / temperature + this noise guesses the target's draw, not only its mode.
 */
export function gumbelNoise(seed: number, position: number, token: number): number {
  drawWords(perBlock, seed, position, Math.floor(token / blockSize))
  const floor = exponential() / blockSize
  const champion = words[2] % blockSize
  if (token % blockSize === champion) return -Math.log(floor)
  drawWords(perToken, seed, position, token)
  return -Math.log(floor + exponential())
}

/**
 * The token with the largest (logit - top logit) / temperature + noise among those that `cutoff` keeps; the lowest id
 * among equals. `top` is the most likely token of `logits` [vocab].
 */
export function gumbelArgmax(
  logits: Float32Array,
  top: number,
  cutoff: Cutoff,
  { temperature, seed }: { temperature: number; seed: number },
  position: number,
): number {
  const relative = (logit: number) => (logit - logits[top]) / temperature
  // The most likely token sets a high mark at once; its relative score is 0.
  let winner = top
  let best = gumbelNoise(seed, position, top)
  for (let start = 0; start < logits.length; start += blockSize) {
    const end = Math.min(start + blockSize, logits.length)
    let high = -Infinity
    for (let token = start; token < end; token++) if (logits[token] > high) high = logits[token]
    if (high < cutoff.logit) continue

    drawWords(perBlock, seed, position, start / blockSize)
    const ceiling = slack - Math.log(exponential() / blockSize)
    if (relative(high) + ceiling < best) continue

    for (let token = start; token < end; token++) {
      if (!keeps(cutoff, logits[token], token) || relative(logits[token]) + ceiling < best) continue
      const score = relative(logits[token]) + gumbelNoise(seed, position, token)
      if (score > best || (score === best && token < winner)) {
        winner = token
        best = score
      }
    }
  }
  return winner
}
