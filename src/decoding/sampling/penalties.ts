import type { TokenHistory } from './history.ts'
import type { SamplingSettings } from './options.ts'

/** Whether `adjust` can change any logit under these settings. */
export function adjusts(settings: SamplingSettings): boolean {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, logitBias } = settings
  return repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0 || logitBias.size > 0
}

/** By how much an error of a logit can grow in `adjust`: the repetition penalty divides it or multiplies it. */
export function amplification({ repetitionPenalty }: SamplingSettings): number {
  return Math.max(1, repetitionPenalty, 1 / repetitionPenalty)
}

/**
 * Applies repetition penalty, presence and frequency penalty, then logit bias to `logits` [vocab], in place. Touches
 * only the tokens concerned; ids beyond the vocabulary (a prompt may hold them) have no logit and are ignored.
 */
export function adjust(logits: Float32Array, settings: SamplingSettings, history: TokenHistory): void {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, logitBias } = settings
  if (repetitionPenalty !== 1) {
    // Once per distinct token, however often it occurs (CTRL, section 4.1; negative logits as Hugging Face does).
    const discourage = (token: number) => {
      const logit = logits[token]
      logits[token] = logit < 0 ? logit * repetitionPenalty : logit / repetitionPenalty
    }
    for (const token of history.prompt) discourage(token)
    for (const token of history.counts.keys()) if (!history.prompt.has(token)) discourage(token)
  }
  // logit - presence * [count > 0] - frequency * count
  if (presencePenalty !== 0 || frequencyPenalty !== 0)
    for (const [token, count] of history.counts) logits[token] -= presencePenalty + frequencyPenalty * count
  for (const [token, bias] of logitBias) logits[token] += bias
}
