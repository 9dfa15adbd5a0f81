import { PacelineError } from '../../errors.ts'
import { cutoffRange, isContested } from './contest.ts'
import { createFilter, keeps } from './cutoff.ts'
import { gumbelAmong, gumbelArgmax, gumbelTop, type Ranking } from './gumbel.ts'
import type { TokenHistory } from './history.ts'
import { type SamplingOptions, type SamplingSettings, validateSampling } from './options.ts'
import { adjust, adjusts, amplification } from './penalties.ts'
import { selectTopK } from './topk.ts'

/** The target's own next token, as a pure function of (logits, output position, history, settings). */
export interface Sampler {
  readonly settings: SamplingSettings

  /** True when every draw is the argmax of the raw logits, so that an executor may compute it inside the graph. */
  readonly greedy: boolean

  /**
   * The token at output `position` (0 is the first generated one) after `history`. `logits` [vocab] is not changed.
   * Throws code `shape` for a row of another length and `runtime` for one that is not a distribution.
   */
  draw(logits: Float32Array, position: number, history: TokenHistory): number

  /**
   * The tokens nearest to being drawn, best first: `draw`'s own, then what it would be without that one, and so on. Their
   * scores are logit / temperature + noise, at temperature 0 logits, all less the largest logit there is. `count` tokens, or as
   * many as there are of a probability above 0 (at temperature 0: of finite logits). With `among` only these tokens are
   * looked at, at least one, whatever the others' logits: much cheaper where they are few. Throws as `draw` does, with
   * `among` for a row of another length alone.
   */
  rank(logits: Float32Array, position: number, history: TokenHistory, count: number, among?: ArrayLike<number>): Ranking

  /** The same settings with noise of its own: as likely to draw each token, independent of what this one draws. */
  independent(): Sampler

  /** Whether errors of up to `band` in the logits could make `draw` yield another token. Throws as `draw` does. */
  contested(logits: Float32Array, position: number, history: TokenHistory, band: number): boolean

  /** The processed probabilities [vocab] that `draw` draws from, one-hot at temperature 0. Throws as `draw` does. */
  distribution(logits: Float32Array, history: TokenHistory): Float32Array
}

/** Throws code `argument` when an option is out of range. */
export function createSampler(options: SamplingOptions, vocabSize: number): Sampler {
  const settings = validateSampling(options, vocabSize)
  const { temperature } = settings
  const adjusted = adjusts(settings)
  const scratch = new Float32Array(adjusted ? vocabSize : 0)
  const filter = createFilter(settings, vocabSize)

  const process = (logits: Float32Array, history: TokenHistory): Float32Array => {
    if (logits.length !== vocabSize)
      throw new PacelineError('shape', `a row of logits must hold ${vocabSize} (vocabulary size), got ${logits.length}`)
    if (!adjusted) return logits
    scratch.set(logits)
    adjust(scratch, settings, history)
    return scratch
  }

  return {
    settings,
    greedy: temperature === 0 && !adjusted,

    draw(logits, position, history) {
      const row = process(logits, history)
      const top = argmax(row)
      return temperature === 0 ? top : gumbelArgmax(row, top, filter(row, row[top]), settings, position)
    },

    rank(logits, position, history, count, among) {
      const row = process(logits, history)
      const likeliest = among ? Int32Array.from(among) : mostLikely(row, Math.min(count, vocabSize))
      likeliest.sort((a, b) => row[b] - row[a] || a - b)
      const top = likeliest[0]
      if (temperature > 0) {
        const cutoff = filter(row, row[top])
        return (among ? gumbelAmong : gumbelTop)(row, likeliest, cutoff, settings, position, count)
      }
      const tokens = Array.from(likeliest.subarray(0, count)).filter((token) => row[token] > -Infinity)
      return { tokens, scores: tokens.map((token) => row[token] - row[top]) }
    },

    independent: () => createSampler({ ...settings, seed: otherSeed(settings.seed) }, vocabSize),

    contested(logits, position, history, band) {
      const row = process(logits, history)
      const top = argmax(row)
      const reach = band * amplification(settings)
      const everything = { logit: -Infinity, token: Infinity }
      if (temperature === 0)
        return isContested(row, top, { tight: everything, loose: everything }, settings, position, reach)
      const winner = gumbelArgmax(row, top, filter(row, row[top]), settings, position)
      const range = cutoffRange(settings, vocabSize, reach)(row, row[top])
      return isContested(row, winner, range, settings, position, reach)
    },

    distribution(logits, history) {
      const row = process(logits, history)
      const top = argmax(row)
      if (temperature === 0) return new Float32Array(vocabSize).fill(1, top, top + 1)
      const cutoff = filter(row, row[top])
      const weights = Float64Array.from(row, (logit, token) =>
        keeps(cutoff, logit, token) ? Math.exp((logit - row[top]) / temperature) : 0,
      )
      const total = weights.reduce((a, b) => a + b)
      return Float32Array.from(weights, (weight) => weight / total)
    },
  }
}

/** The `count` largest logits, in no order. Throws where they are none of a distribution. */
function mostLikely(row: Float32Array, count: number): Int32Array {
  argmax(row)
  const likeliest = new Int32Array(count)
  selectTopK(row, likeliest)
  return likeliest
}

/** Another seed, far from it and from the small numbers that people choose. */
function otherSeed(seed: number): number {
  return (seed + 0x15555555555555) % 2 ** 53
}

/** The token with the largest logit, the lowest id among equals. */
function argmax(logits: Float32Array): number {
  let top = 0
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]
    if (logit > logits[top]) top = token
    else if (Number.isNaN(logit)) throw invalid(`NaN for token ${token}`)
  }
  if (Math.abs(logits[top]) === Infinity)
    throw invalid(logits[top] > 0 ? `Infinity for token ${top}` : 'only -Infinity')
  return top
}

function invalid(what: string): PacelineError {
  return new PacelineError(
    'runtime',
    `the model produced invalid logits: ${what}. Check the weights for NaN or overflow, or use a wider dtype.`,
  )
}
