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

/** Tokens by falling score, the lower id first among equals. */
export interface Ranking {
  readonly tokens: number[]
  /** Up to a number that all of them share. */
  readonly scores: number[]
}

/**
 * The token with the largest (logit - top logit) / temperature + noise among those that `cutoff` keeps; the lowest id
 * among equals. `top` is the most likely token of `logits` [vocab].
 */
export function gumbelArgmax(
  logits: Float32Array,
  top: number,
  cutoff: Cutoff,
  settings: { temperature: number; seed: number },
  position: number,
): number {
  return gumbelTop(logits, [top], cutoff, settings, position, 1).tokens[0]
}

/**
 * The `count` tokens of the largest such scores: a draw of as many without replacement, in its order (Kool et al. 2019).
 * Fewer where `cutoff` keeps fewer, and never one of probability 0. `likeliest` are some of the likeliest tokens, the
 * first of them the very likeliest: the more, the more of the vocabulary is left untouched.
 */
export function gumbelTop(
  logits: Float32Array,
  likeliest: ArrayLike<number>,
  cutoff: Cutoff,
  { temperature, seed }: { temperature: number; seed: number },
  position: number,
  count: number,
): Ranking {
  const relative = (logit: number) => (logit - logits[likeliest[0]]) / temperature
  const tokens: number[] = []
  const scores: number[] = []
  // What does not reach it cannot enter: the last score, once there are as many as asked for.
  let bar = -Infinity
  const offer = (token: number) => {
    const score = relative(logits[token]) + gumbelNoise(seed, position, token)
    if (score < bar || score === -Infinity || tokens.includes(token)) return
    let at = tokens.length
    while (at > 0 && (score > scores[at - 1] || (score === scores[at - 1] && token < tokens[at - 1]))) at--
    if (at === count) return
    tokens.splice(at, 0, token)
    scores.splice(at, 0, score)
    if (tokens.length > count) {
      tokens.pop()
      scores.pop()
    }
    if (tokens.length === count) bar = scores[count - 1]
  }

  // The likeliest tokens set a high bar at once.
  for (let i = 0; i < likeliest.length; i++) if (keeps(cutoff, logits[likeliest[i]], likeliest[i])) offer(likeliest[i])
  for (let start = 0; start < logits.length; start += blockSize) {
    const end = Math.min(start + blockSize, logits.length)
    let high = -Infinity
    for (let token = start; token < end; token++) if (logits[token] > high) high = logits[token]
    if (high < cutoff.logit) continue

    drawWords(perBlock, seed, position, start / blockSize)
    const ceiling = slack - Math.log(exponential() / blockSize)
    if (relative(high) + ceiling < bar) continue

    for (let token = start; token < end; token++)
      if (keeps(cutoff, logits[token], token) && !(relative(logits[token]) + ceiling < bar)) offer(token)
  }
  return { tokens, scores }
}

/** The same of these tokens alone, the likeliest first. */
export function gumbelAmong(
  logits: Float32Array,
  likeliest: ArrayLike<number>,
  cutoff: Cutoff,
  { temperature, seed }: { temperature: number; seed: number },
  position: number,
  count: number,
): Ranking {
  const tokens = Array.from(likeliest).filter(
    (token) => logits[token] > -Infinity && keeps(cutoff, logits[token], token),
  )
  const scored = tokens.map((token) => ({
    token,
    score: (logits[token] - logits[likeliest[0]]) / temperature + gumbelNoise(seed, position, token),
  }))
  scored.sort((a, b) => b.score - a.score || a.token - b.token)
  const best = scored.slice(0, count)
  return { tokens: best.map(({ token }) => token), scores: best.map(({ score }) => score) }
}
