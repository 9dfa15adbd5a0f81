import type { RopeSpec } from './spec.ts'

/** Rotation frequencies, one per pair of dimensions, and the factor on cos and sin. */
export interface Rotation {
  readonly frequencies: Float64Array // [headDim / 2]
  readonly scale: number
}

/**
 * The rotation of each pair of dimensions per position: theta^(-2i / headDim) (Su et al. 2021), then stretched for
 * contexts longer than the one trained on: linear (Chen et al. 2023), llama3 (Llama 3.1 release), YaRN (Peng et al. 2023).
 */
export function rotationOf({ theta, scaling }: RopeSpec, headDim: number): Rotation {
  const base = Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim))
  switch (scaling.type) {
    case 'default':
      return { frequencies: base, scale: 1 }

    case 'linear':
      return { frequencies: base.map((f) => f / scaling.factor), scale: 1 }

    case 'llama3': {
      const { factor, lowFreqFactor, highFreqFactor, originalContextLength } = scaling
      const stretch = (f: number) => {
        const turns = (originalContextLength * f) / (2 * Math.PI) // over the original context
        if (turns > highFreqFactor) return f
        if (turns < lowFreqFactor) return f / factor
        const kept = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
        return (1 - kept) * (f / factor) + kept * f
      }
      return { frequencies: base.map(stretch), scale: 1 }
    }

    case 'yarn': {
      // Pairs that turn more than betaFast times over the original context keep their speed (paper, section 3.2, eq. 17-20).
      const { factor, originalContextLength, betaFast, betaSlow, attentionFactor } = scaling
      const pairOfTurns = (turns: number) =>
        (headDim * Math.log(originalContextLength / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
      const round = scaling.truncate ? [Math.floor, Math.ceil] : [Number, Number]
      const first = Math.max(round[0](pairOfTurns(betaFast)), 0)
      const last = Math.min(round[1](pairOfTurns(betaSlow)), headDim - 1)
      const frequencies = base.map((f, i) => {
        const slowed = Math.min(Math.max((i - first) / Math.max(last - first, 0.001), 0), 1)
        return slowed * (f / factor) + (1 - slowed) * f
      })
      return { frequencies, scale: attentionFactor }
    }
  }
}
