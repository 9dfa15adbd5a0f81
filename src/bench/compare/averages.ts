import { philox4x32 } from '../../decoding/index.ts'

export interface Estimate {
  readonly value: number
  /** Ends of the 95 % interval. */
  readonly low: number
  readonly high: number
}

/** The mean for ratios: twice as fast and half as fast cancel out. `values` are above 0, one at least. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map(Math.log)))
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

const resamples = 2000
/** Keeps the stream of numbers apart from those that tokens are drawn with. */
const kind = 3

/**
 * The geometric mean of ratios, one for each prompt, and its percentile bootstrap interval (Efron 1979): how far it would
 * move with other prompts of the same kind. The same ratios give the same interval.
 */
export function bootstrap(ratios: readonly number[], seed = 0): Estimate {
  const logs = ratios.map(Math.log)
  const words = new Uint32Array(4)
  const means = new Float64Array(resamples)
  for (let sample = 0; sample < resamples; sample++) {
    let sum = 0
    for (let drawn = 0; drawn < logs.length; drawn++) {
      if (drawn % 4 === 0) philox4x32(words, sample, drawn / 4, kind, 0, seed, 0)
      sum += logs[Math.floor((words[drawn % 4] / 2 ** 32) * logs.length)]
    }
    means[sample] = sum / logs.length
  }
  means.sort()
  const at = (share: number) => Math.exp(means[Math.round(share * (resamples - 1))])
  return { value: geometricMean(ratios), low: at(0.025), high: at(0.975) }
}
