import type { EagleHeadSpec } from '../../checkpoint/index.ts'
import { philox4x32 } from '../../decoding/index.ts'
import { tensor } from '../../tensor/index.ts'
import type { TokenBatch } from '../data/index.ts'
import { rowsAhead, type TargetStates } from '../heads/index.ts'
import type { StepInputs } from '../trainer/index.ts'

export interface EagleInputOptions {
  readonly spec: EagleHeadSpec
  readonly steps: number
  /** Of each token of the target the id that the head knows it by, -1 where it knows it not; [vocab]. */
  readonly draftIds: Int32Array
}

/** Uniform noise of this amplitude on the features; the same wherever `place` is the same. */
export interface FeatureNoise {
  readonly amplitude: number
  readonly seed: number
  /** Two numbers below 2^32 that name the batch. */
  readonly place: readonly [number, number]
}

/** The inputs of `eagleObjective` of one batch. */
export function eagleInputs(
  batch: TokenBatch,
  target: TargetStates,
  { spec, steps, draftIds }: EagleInputOptions,
  noise?: FeatureNoise,
): StepInputs {
  const { sequences, length, parents } = batch
  const rows = sequences * length
  const { kind, hiddenSize, targetHiddenSize } = spec
  const states = kind === 'eagle' ? withNoise(target.features, noise) : target.taps
  const ids = (of: (row: number) => number) =>
    tensor(
      'i32',
      [rows],
      Int32Array.from({ length: rows }, (_, i) => of(i)),
    )
  const inputs = Object.fromEntries(
    Array.from({ length: steps }, (_, step) => {
      const ahead = rowsAhead(parents, step + 1)
      const answerOf = (row: number) => draftIds[target.answers[ahead[row]]]
      // A guess counts as the token behind it counts; not where the target would write what the head has no word for.
      const weights = Float32Array.from({ length: rows }, (_, row) =>
        ahead[row] === row || answerOf(row) < 0 ? 0 : batch.weights[ahead[row]],
      )
      return [
        [`tokens ${step}`, ids((row) => batch.tokens[ahead[row]])],
        [`ahead ${step}`, tensor('i32', [rows], ahead)],
        [`answers ${step}`, ids(answerOf)],
        [`positions ${step}`, ids((row) => batch.positions[row] + step)],
        [`weights ${step}`, tensor('f32', [rows], weights)],
      ] as const
    }).flat(),
  )
  return {
    inputs: {
      states: tensor('f32', [rows, states.length / rows], states),
      truth: tensor('f32', [rows, targetHiddenSize], target.features),
      ones: tensor('f32', [1, hiddenSize], new Float32Array(hiddenSize).fill(1)),
      ...inputs,
    },
    layout: { sequences, length, parents },
    tokens: rows,
  }
}

/** Keeps these numbers apart from all others that philox is asked for. */
const kind = 5

/** EAGLE-1 adds noise to the features, so that the head learns to live with its own errors (Li et al. 2024, section 4.2). */
function withNoise(features: Float32Array, noise: FeatureNoise | undefined): Float32Array {
  if (noise === undefined || noise.amplitude === 0) return features
  const { amplitude, seed, place } = noise
  const words = new Uint32Array(4)
  const noisy = new Float32Array(features.length)
  for (let i = 0; i < features.length; i += 4) {
    philox4x32(words, i >>> 2, place[0], place[1], kind, seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0)
    for (let j = i; j < Math.min(i + 4, features.length); j++)
      noisy[j] = features[j] + amplitude * ((2 * words[j - i]) / 2 ** 32 - 1)
  }
  return noisy
}
