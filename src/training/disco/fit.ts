import { type DiscoNetwork, discoFeatureNames, feedForward, type Layer } from '../../drafters/index.ts'
import { AdamW } from '../adamw.ts'
import { shuffled } from '../data/index.ts'
import type { Example } from './examples.ts'
import { addGradient, crossEntropy, freshNetwork, layersOf } from './network.ts'

export interface FitOptions {
  readonly hidden: number
  readonly epochs: number
  /** Of initial weights and the order of the examples. */
  readonly seed: number
}

const batchSize = 64
const highestRate = 0.01

/**
 * Learns the chance of acceptance from examples of `top` likeliest tokens, by cross-entropy with Adam; the rate falls to 0
 * in a straight line. Of all epochs the network is taken that predicts `validation` best. Deterministic.
 */
export function fitClassifier(
  train: readonly Example[],
  validation: readonly Example[],
  top: number,
  { hidden, epochs, seed }: FitOptions,
): DiscoNetwork {
  const features = discoFeatureNames(top)
  const { mean, deviation } = spreadOf(train, features.length)
  const standardised = (examples: readonly Example[]) =>
    examples.map(({ features, accepted }) => ({
      x: features.map((value, i) => (value - mean[i]) / deviation[i]),
      y: accepted ? (1 as const) : (0 as const),
    }))
  const [learned, judged] = [standardised(train), standardised(validation)]
  const lossOf = (layers: readonly Layer[]) =>
    judged.reduce((sum, { x, y }) => sum + crossEntropy(feedForward(layers, x), y), 0)

  const network = freshNetwork(features.length, hidden, seed)
  const gradients = new Map([...network].map(([name, { data }]) => [name, new Float32Array(data.length)]))
  const adam = new AdamW(network, { betas: [0.9, 0.999], weightDecay: 0.01 })
  const batches = Math.ceil(learned.length / batchSize)
  let best = { layers: layersOf(network), loss: lossOf(layersOf(network)) }
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled([...learned.keys()], seed, epoch, 1)
    for (let batch = 0; batch < batches; batch++) {
      const part = order.subarray(batch * batchSize, (batch + 1) * batchSize)
      for (const gradient of gradients.values()) gradient.fill(0)
      for (const i of part) addGradient(network, gradients, learned[i].x, learned[i].y)
      const done = (epoch * batches + batch) / (epochs * batches)
      adam.update(network, gradients, 1 / part.length, highestRate * (1 - done))
    }
    const layers = layersOf(network)
    const loss = lossOf(layers)
    if (loss < best.loss) best = { layers, loss }
  }
  return { features, mean, deviation, layers: best.layers }
}

/** Mean and deviation of each feature; a feature that is always the same has deviation 1. */
function spreadOf(examples: readonly Example[], size: number): { mean: number[]; deviation: number[] } {
  const average = (of: (example: Example) => number) =>
    examples.reduce((sum, example) => sum + of(example), 0) / examples.length
  const mean = Array.from({ length: size }, (_, i) => average(({ features }) => features[i]))
  const deviation = mean.map((centre, i) => Math.sqrt(average(({ features }) => (features[i] - centre) ** 2)))
  return { mean, deviation: deviation.map((spread) => (spread > 1e-6 ? spread : 1)) }
}
