import { nucleus } from './nucleus.ts'
import type { SamplingSettings } from './options.ts'
import { selectTopK } from './topk.ts'

/**
 * The last token a filter keeps. What a filter keeps always heads the order "larger logit first, then lower id", so
 * this one token says it all.
 */
export interface Cutoff {
  readonly logit: number
  readonly token: number
}

const keepsAll: Cutoff = { logit: -Infinity, token: Infinity }

export function keeps(cutoff: Cutoff, logit: number, token: number): boolean {
  return logit > cutoff.logit || (logit === cutoff.logit && token <= cutoff.token)
}

/**
 * Top-k, then top-p on what is left, then min-p, as a function from logits [vocab] and their maximum to the cutoff.
 * Whatever the settings, the most likely token is kept.
 */
export function createFilter(settings: SamplingSettings, vocabSize: number) {
  const { temperature, topK, topP, minP } = settings
  const limited = topK > 0 && topK < vocabSize
  const candidates = new Int32Array(limited ? topK : topP < 1 ? vocabSize : 0)

  return (logits: Float32Array, max: number): Cutoff => {
    let last: number | undefined
    if (limited) last = selectTopK(logits, candidates)
    if (topP < 1) {
      if (limited) candidates.sort()
      else for (let token = 0; token < vocabSize; token++) candidates[token] = token
      last = nucleus(logits, max, temperature, topP, candidates)
    }
    const cutoff = last === undefined ? keepsAll : { logit: logits[last], token: last }
    // p >= minP * pMax, solved for the logit. minP = 0 gives -Infinity, below every logit.
    const floor = max + temperature * Math.log(minP)
    return floor > cutoff.logit ? { logit: floor, token: Infinity } : cutoff
  }
}
