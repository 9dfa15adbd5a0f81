import { PacelineError } from '../errors.ts'
import type { Tensor } from '../tensor/index.ts'

/** AdamW: Loshchilov & Hutter 2019, algorithm 2, with bias correction as in Kingma & Ba 2015. */
export interface AdamWOptions {
  /** Decay of the first and second moments per update: 0.9 and 0.95 unless given. */
  readonly betas?: readonly [number, number]
  readonly epsilon?: number
  /** Share of a matrix that an update takes away, times the learning rate: 0.1 unless given. Vectors do not decay. */
  readonly weightDecay?: number
  /** The gradient is scaled down to this norm over all parameters: 1 unless given; Infinity leaves it. */
  readonly maxGradientNorm?: number
  /** Elements of the mean gradient are cut to [-x, x] before the norm is taken; not unless given. */
  readonly maxGradientValue?: number
}

interface Moments {
  readonly first: Float32Array
  readonly second: Float32Array
}

/**
 * Parameters and their moments, updated in place, in f32. Matrices decay, the embedding table among them: a tied table
 * is the head, and rows of an untied one that no batch asks for should fade rather than keep their noise. Gains and
 * biases do not.
 */
export class AdamW {
  readonly #options: Required<AdamWOptions>
  readonly #moments = new Map<string, Moments>()
  #updates = 0

  constructor(parameters: ReadonlyMap<string, Tensor>, options: AdamWOptions) {
    const { betas = [0.9, 0.95], epsilon = 1e-8, weightDecay = 0.1 } = options
    const { maxGradientNorm = 1, maxGradientValue = Number.POSITIVE_INFINITY } = options
    this.#options = { betas, epsilon, weightDecay, maxGradientNorm, maxGradientValue }
    for (const [name, { data }] of parameters)
      this.#moments.set(name, { first: new Float32Array(data.length), second: new Float32Array(data.length) })
  }

  get updates(): number {
    return this.#updates
  }

  set updates(count: number) {
    this.#updates = count
  }

  moments(name: string): Moments {
    return this.#moments.get(name)!
  }

  /**
   * One update with `gradients` (sums), each times `factor`. Returns the norm of the mean gradient before clipping.
   * Throws code `runtime` when that is not finite, before anything changes.
   */
  update(
    parameters: ReadonlyMap<string, Tensor>,
    gradients: ReadonlyMap<string, Float32Array>,
    factor: number,
    learningRate: number,
  ): number {
    const { betas, epsilon, weightDecay, maxGradientNorm, maxGradientValue } = this.#options
    let squares = 0
    for (const gradient of gradients.values()) {
      if (maxGradientValue < Number.POSITIVE_INFINITY) cut(gradient, maxGradientValue / factor)
      squares += sumOfSquares(gradient, factor)
    }
    const norm = Math.sqrt(squares)
    if (!Number.isFinite(norm)) {
      const [name] = [...gradients].find(([, gradient]) => !gradient.every(Number.isFinite)) ?? ['all together']
      throw new PacelineError(
        'runtime',
        `the gradient of ${name} is not finite; parameters are unchanged. Lower the learning rate, or look at the data.`,
      )
    }
    this.#updates++
    const [beta1, beta2] = betas
    const step = {
      beta1,
      beta2,
      factor: norm > maxGradientNorm ? (factor * maxGradientNorm) / norm : factor,
      rate: learningRate / (1 - beta1 ** this.#updates),
      correction: 1 / Math.sqrt(1 - beta2 ** this.#updates),
      epsilon,
    }
    for (const [name, { shape, data }] of parameters) {
      const keep = shape.length === 2 ? 1 - learningRate * weightDecay : 1
      updateOne(data as Float32Array, gradients.get(name)!, this.moments(name), { ...step, keep })
    }
    return norm
  }
}

/** In place; NaN stays NaN. The loops below are the whole cost of an update, so this one runs only where it is asked for. */
function cut(gradient: Float32Array, limit: number): void {
  for (let i = 0; i < gradient.length; i++) {
    if (gradient[i] > limit) gradient[i] = limit
    else if (gradient[i] < -limit) gradient[i] = -limit
  }
}

function sumOfSquares(gradient: Float32Array, factor: number): number {
  let total = 0
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i] * factor
    total += g * g
  }
  return total
}

interface Step {
  readonly beta1: number
  readonly beta2: number
  /** From a sum of gradients to the clipped mean. */
  readonly factor: number
  /** Learning rate / (1 - beta1^t). */
  readonly rate: number
  /** 1 / sqrt(1 - beta2^t). */
  readonly correction: number
  readonly epsilon: number
  /** 1 - learning rate * decay. */
  readonly keep: number
}

/** m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p = keep p - rate m / (sqrt(v) correction + eps) */
function updateOne(data: Float32Array, gradient: Float32Array, { first, second }: Moments, step: Step): void {
  const { beta1, beta2, factor, rate, correction, epsilon, keep } = step
  const [share1, share2] = [1 - beta1, 1 - beta2]
  for (let i = 0; i < data.length; i++) {
    const g = gradient[i] * factor
    const m = beta1 * first[i] + share1 * g
    const v = beta2 * second[i] + share2 * g * g
    first[i] = m
    second[i] = v
    data[i] = keep * data[i] - (rate * m) / (Math.sqrt(v) * correction + epsilon)
  }
}
