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
  const best = new Best(logits, likeliest, cutoff, { temperature, seed }, position, count)
  for (let start = 0; start < logits.length; start += blockSize) {
    const end = Math.min(start + blockSize, logits.length)
    let high = -Infinity
    for (let token = start; token < end; token++) if (logits[token] > high) high = logits[token]
    if (high < cutoff.logit) continue

    drawWords(perBlock, seed, position, start / blockSize)
    const ceiling = slack - Math.log(exponential() / blockSize)
    if (best.relative(high) + ceiling < best.bar) continue

    for (let token = start; token < end; token++)
      if (keeps(cutoff, logits[token], token) && !(best.relative(logits[token]) + ceiling < best.bar)) best.offer(token)
  }
  return best.ranking
}

/** The same of these tokens alone, the likeliest first. */
export function gumbelAmong(...[logits, likeliest, ...rest]: Parameters<typeof gumbelTop>): Ranking {
  return new Best(logits, likeliest, ...rest).ranking
}

/** The best `count` of the tokens that were offered: of `likeliest` to begin with, which set a high bar at once. */
class Best {
  readonly ranking: Ranking = { tokens: [], scores: [] }
  /** What does not reach it cannot enter: the last score, once there are as many as asked for. */
  bar = -Infinity
  readonly #logits: Float32Array
  readonly #top: number
  readonly #temperature: number
  readonly #noise: (token: number) => number
  readonly #count: number

  constructor(
    logits: Float32Array,
    likeliest: ArrayLike<number>,
    cutoff: Cutoff,
    { temperature, seed }: { temperature: number; seed: number },
    position: number,
    count: number,
  ) {
    this.#logits = logits
    this.#top = logits[likeliest[0]]
    this.#temperature = temperature
    this.#noise = (token) => gumbelNoise(seed, position, token)
    this.#count = count
    for (let i = 0; i < likeliest.length; i++)
      if (keeps(cutoff, logits[likeliest[i]], likeliest[i])) this.offer(likeliest[i])
  }

  /** What a token of this logit scores before noise. */
  relative(logit: number): number {
    return (logit - this.#top) / this.#temperature
  }

  offer(token: number): void {
    const { tokens, scores } = this.ranking
    const score = this.relative(this.#logits[token]) + this.#noise(token)
    // Not a number where even the likeliest logit is -Infinity.
    if (score < this.bar || !(score > -Infinity) || tokens.includes(token)) return
    let at = tokens.length
    while (at > 0 && (score > scores[at - 1] || (score === scores[at - 1] && token < tokens[at - 1]))) at--
    if (at === this.#count) return
    tokens.splice(at, 0, token)
    scores.splice(at, 0, score)
    if (tokens.length > this.#count) {
      tokens.pop()
      scores.pop()
    }
    if (tokens.length === this.#count) this.bar = scores[this.#count - 1]
  }
}
